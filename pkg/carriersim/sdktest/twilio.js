'use strict';

const twilio = require('twilio');
const { account, tell, refused, Webhooks, formOf } = require('./story');

const { VoiceResponse } = twilio.twiml;

// Twilio's own way to change where requests go: an HTTP client.
class ToSimulator extends twilio.RequestClient {
  request(options) {
    return super.request({ ...options, uri: options.uri.replace('https://api.twilio.com', account.api) });
  }
}

const httpClient = new ToSimulator();
const client = twilio(account.sid, account.token, { httpClient });

main();

async function main() {
  const hooks = await new Webhooks({ accepts }).open();
  await numbers(hooks);
  await inbound(hooks);
  await outbound(hooks);
  await refusals(hooks);
  hooks.close();
}

function accepts({ url, headers, body }) {
  return twilio.validateRequest(account.token, headers['x-twilio-signature'], url, formOf({ body }));
}

// isBilled reports whether a duration is text, in seconds, of an answered call: it is rounded up.
function isBilled(duration) {
  return typeof duration === 'string' && /^[1-9]\d*$/.test(duration);
}

async function numbers(hooks) {
  const all = await client.incomingPhoneNumbers.list({ pageSize: 1 });
  tell('numbers', { numbers: all.map((number) => number.phoneNumber) });

  const withKey = twilio(account.keySID, account.keySecret, { accountSid: account.sid, httpClient });
  const [found] = await withKey.incomingPhoneNumbers.list({ phoneNumber: account.number });
  const updated = await withKey.incomingPhoneNumbers(found.sid).update({
    voiceUrl: hooks.url('/inbound'), voiceMethod: 'POST',
    statusCallback: hooks.url('/over?of=inbound'), statusCallbackMethod: 'GET',
  });
  tell('pointed', { number: updated.phoneNumber, toUs: updated.voiceUrl === hooks.url('/inbound') });
}

// A person calls, is connected with a media socket that refuses, and then hung up on.
async function inbound(hooks) {
  const markup = new VoiceResponse();
  markup.say('Welcome.');
  markup.connect().stream({ url: hooks.url('/media', 'ws') }).parameter({ name: 'call', value: '1' });
  markup.hangup();
  hooks.answer('/inbound', 'text/xml', markup.toString());

  const call = await hooks.next('/inbound');
  tell('inbound', { id: call.CallSid, from: call.From, to: call.To, status: call.CallStatus, direction: call.Direction });
  await hooks.next('/media');
  const over = await hooks.next('/over');
  tell('inbound over', { id: over.CallSid, status: over.CallStatus, timed: isBilled(over.CallDuration) });
}

async function outbound(hooks) {
  const first = new VoiceResponse();
  first.say('Please wait.');
  first.pause({ length: 60 });
  hooks.answer('/answer', 'text/xml', first.toString());
  const second = new VoiceResponse();
  second.pause({ length: 60 });
  hooks.answer('/elsewhere', 'text/xml', second.toString());

  const created = await client.calls.create({
    from: account.number, to: account.callee, url: hooks.url('/answer'), timeout: 20,
    statusCallback: hooks.url('/status'), statusCallbackEvent: ['initiated', 'ringing', 'answered', 'completed'],
  });
  const call = client.calls(created.sid);
  tell('dialled', { id: created.sid, status: created.status, direction: created.direction, from: created.from, to: created.to });
  const answer = await hooks.next('/answer');
  tell('answered', { id: answer.CallSid, status: answer.CallStatus });

  const live = await call.fetch();
  tell('status', { status: live.status, started: live.startTime instanceof Date, ended: live.endTime instanceof Date });
  const listed = await client.calls.list({ to: account.callee, status: 'in-progress' });
  tell('listed', { ids: listed.map((call) => call.sid) });

  await call.update({ url: hooks.url('/elsewhere'), method: 'POST' });
  const redirected = await hooks.next('/elsewhere');
  tell('redirected', { id: redirected.CallSid, status: redirected.CallStatus });

  await call.update({ status: 'completed' });
  const told = [];
  for (let i = 0; i < 4; i++) {
    const { CallStatus, SequenceNumber } = await hooks.next('/status');
    told.push(`${SequenceNumber} ${CallStatus}`);
  }
  tell('callbacks', { told });
  const over = await call.fetch();
  tell('over', {
    status: over.status, timed: isBilled(over.duration), price: over.price, unit: over.priceUnit, ended: over.endTime instanceof Date,
  });
}

async function refusals(hooks) {
  const order = { from: account.number, to: account.callee, url: hooks.url('/answer') };
  const stranger = twilio(account.sid, 'wrong', { httpClient });
  const [{ sid }] = await client.calls.list({ to: account.callee });
  const over = client.calls(sid);
  for (const [what, request] of Object.entries({
    'unknown call': () => client.calls(`CA${'0'.repeat(32)}`).fetch(),
    'hang-up of a call that is over': () => over.update({ status: 'completed' }),
    'redirect of a call that is over': () => over.update({ url: hooks.url('/elsewhere') }),
    'dial nonsense': () => client.calls.create({ ...order, to: '0177' }),
    'dial from another number': () => client.calls.create({ ...order, from: '+14155559999' }),
    'wrong token': () => stranger.calls.list(),
  })) {
    const { constructor, status, code } = await refused(request);
    tell(what, { type: constructor.name, status, code });
  }
}
