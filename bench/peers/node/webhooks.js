// Twilio status callbacks with the official middleware: verified, published to
// JetStream with an awaited acknowledgement, answered.
const express = require("express");
const twilio = require("twilio");
const { connect, JSONCodec } = require("nats");

async function main() {
  const nc = await connect({ servers: process.env.NATS_URL });
  const jsm = await nc.jetstreamManager();
  await jsm.streams.add({ name: "PEER", subjects: ["peer.>"] });
  const js = nc.jetstream();
  const codec = JSONCodec();
  const app = express();
  app.set("trust proxy", true);
  app.use(express.urlencoded({ extended: false }));
  const public_ = new URL(process.env.PUBLIC_URL);
  const verified = twilio.webhook(process.env.AUTH_TOKEN, {
    validate: true,
    protocol: public_.protocol.slice(0, -1),
    host: public_.host,
  });
  app.post("/status/:call", verified, async (req, res) => {
    await js.publish(`peer.${req.params.call}.${req.body.CallStatus}`, codec.encode({
      type: `call.${req.body.CallStatus}`,
      time: new Date().toISOString(),
      call: req.params.call,
      leg: req.body.CallSid,
      raw: req.body,
    }), { msgID: req.get("I-Twilio-Idempotency-Token") + req.body.CallStatus });
    res.status(204).end();
  });
  const server = app.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${server.address().port}`));
}

main();
