// Twilio media messages: mu-law decoded to PCM16, encoded again, sent back.
const { WebSocketServer } = require("ws");

const decode = new Int16Array(256);
for (let i = 0; i < 256; i++) {
  const u = ~i & 0xff;
  const t = (((u & 0x0f) << 3) + 0x84) << ((u & 0x70) >> 4);
  decode[i] = u & 0x80 ? 0x84 - t : t - 0x84;
}
const encode = new Uint8Array(65536);
for (let s = -32768; s < 32768; s++) {
  const sign = s < 0 ? 0x80 : 0;
  const m = Math.min(Math.abs(s), 32635) + 0x84;
  let exponent = 7;
  for (let mask = 0x4000; (m & mask) === 0 && exponent > 0; mask >>= 1) exponent--;
  encode[s & 0xffff] = ~(sign | (exponent << 4) | ((m >> (exponent + 3)) & 0x0f)) & 0xff;
}

const server = new WebSocketServer({ port: 0, host: "127.0.0.1" }, () => console.log(`127.0.0.1:${server.address().port}`));
server.on("connection", (socket) => {
  socket.on("message", (data) => {
    const message = JSON.parse(data);
    if (message.event !== "media") return;
    const ulaw = Buffer.from(message.media.payload, "base64");
    const pcm = new Int16Array(ulaw.length);
    for (let i = 0; i < ulaw.length; i++) pcm[i] = decode[ulaw[i]];
    const back = Buffer.allocUnsafe(pcm.length);
    for (let i = 0; i < pcm.length; i++) back[i] = encode[pcm[i] & 0xffff];
    socket.send(JSON.stringify({ event: "media", streamSid: message.streamSid, media: { payload: back.toString("base64") } }));
  });
});
