'use strict';

const { createRequire } = require('node:module');
const { Agent } = require('node:https');
const { connect } = require('node:net');
const plivo = require('plivo');
const { account, tell, refused, Webhooks, formOf } = require('./story');

// Plivo's SDK has https://api.plivo.com in its voice requests, whatever its options say. What can be changed from
// outside is how its HTTP library connects: to the simulator, and without TLS.
class ToSimulator extends Agent {
  createConnection(options, connected) {
    const { port, hostname } = new URL(account.api);
    return connect(port, hostname, connected);
  }
}

createRequire(require.resolve('plivo'))('axios').defaults.httpsAgent = new ToSimulator();

const client = new plivo.Client(account.id, account.token);

main();

async function main() {
  const hooks = await new Webhooks({ accepts }).open();
  await numbers(hooks);
  await inbound(hooks);
  const over = await outbound(hooks);
  await refusals(hooks, over);
  hooks.close();
}

// Plivo's stream SDKs check the handshake of a media socket as a request to http.
function accepts({ method, url, headers, body }) {
  return plivo.validateV3Signature(method, url.replace(/^ws/, 'http'), headers['x-plivo-signature-v3-nonce'], account.token,
    headers['x-plivo-signature-v3'], formOf({ body }));
}

async function numbers(hooks) {
  const first = await client.numbers.list({ limit: 1 });
  const second = await client.numbers.list({ limit: 1, offset: 1 });
  tell('numbers', { count: first.meta.totalCount, numbers: [...first, ...second].map((number) => number.number) });

  const { appId } = await client.applications.create('trunkline', {
    answerUrl: hooks.url('/inbound?of=app'), answerMethod: 'POST', hangupUrl: hooks.url('/over'), hangupMethod: 'GET',
  });
  const { message } = await client.numbers.update(account.number, { appId });
  const application = await client.applications.get(appId);
  const number = await client.numbers.get(account.number);
  tell('pointed', {
    message, toUs: application.answerUrl === hooks.url('/inbound?of=app'), application: number.application.includes(`/${appId}/`),
  });
}

// A person calls, is connected with a media socket that refuses, and then hung up on.
async function inbound(hooks) {
  const markup = plivo.Response();
  markup.addSpeak('Welcome.');
  markup.addStream(hooks.url('/media', 'ws'), { bidirectional: true, keepCallAlive: true, contentType: 'audio/x-mulaw;rate=8000' });
  markup.addHangup();
  hooks.answer('/inbound', 'application/xml', markup.toXML());

  const call = await hooks.next('/inbound');
  tell('inbound', { id: call.CallUUID, from: call.From, to: call.To, status: call.CallStatus, direction: call.Direction });
  await hooks.next('/media');
  const over = await hooks.next('/over');
  tell('inbound over', { id: over.CallUUID, status: over.CallStatus, source: over.HangupSource });
}

async function outbound(hooks) {
  const first = plivo.Response();
  first.addSpeak('Please wait.');
  first.addWait({ length: 60 });
  hooks.answer('/answer', 'application/xml', first.toXML());
  const second = plivo.Response();
  second.addWait({ length: 60 });
  hooks.answer('/elsewhere', 'application/xml', second.toXML());

  const { message, requestUuid: id } = await client.calls.create(account.number, account.callee, hooks.url('/answer'), {
    answerMethod: 'POST', ringUrl: hooks.url('/ring'), hangupUrl: hooks.url('/hangup'), ringTimeout: 20, timeLimit: 600,
  });
  tell('dialled', { id, message });
  const ring = await hooks.next('/ring');
  tell('ringing', { id: ring.CallUUID, status: ring.CallStatus });
  const answer = await hooks.next('/answer');
  tell('answered', { id: answer.CallUUID, status: answer.CallStatus });

  const live = await client.calls.getLiveCall(id);
  tell('status', { id: live.callUuid, status: live.callStatus, direction: live.direction });
  const listed = await client.calls.listLiveCalls();
  tell('listed', { ids: listed.map((call) => call.callUuid) });

  await client.calls.sendDigits(id, '12#');
  await client.calls.transfer(id, { legs: 'aleg', alegUrl: hooks.url('/elsewhere'), alegMethod: 'POST' });
  const redirected = await hooks.next('/elsewhere');
  tell('redirected', { id: redirected.CallUUID, status: redirected.CallStatus, event: redirected.Event });

  tell('hung up', { done: await client.calls.hangup(id) });
  const hangup = await hooks.next('/hangup');
  tell('hang-up callback', { id: hangup.CallUUID, status: hangup.CallStatus, source: hangup.HangupSource });
  const over = await client.calls.get(id);
  tell('over', { id: over.callUuid, direction: over.callDirection, cause: over.hangupCauseName, amount: over.totalAmount });
  return id;
}

async function refusals(hooks, over) {
  const stranger = new plivo.Client(account.id, 'wrong');
  for (const [what, request] of Object.entries({
    'unknown call': () => client.calls.get('9834029e-58b6-11e1-b8b7-a5bd0e4e126f'),
    'hang-up of a call that is over': () => client.calls.hangup(over),
    'redirect of a call that is over': () => client.calls.transfer(over, { legs: 'aleg', alegUrl: hooks.url('/elsewhere') }),
    'dial without a URL': () => client.calls.create(account.number, account.callee, 'nonsense'),
    'wrong token': () => stranger.calls.listLiveCalls(),
  })) {
    const { status } = await refused(request); // a plain Error: the SDK's build loses the classes of its own
    tell(what, { status });
  }
}
