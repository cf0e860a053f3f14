'use strict';

const { createHash, generateKeyPairSync } = require('node:crypto');
const { Vonage } = require('@vonage/server-sdk');
const { verifySignature } = require('@vonage/jwt');
const { Connect, NCCOBuilder, Talk, Wait } = require('@vonage/voice');
const { account, tell, refused, Webhooks, addField } = require('./story');

// Vonage's own way to change where requests go: options for the hosts.
const hosts = { apiHost: account.api, restHost: account.api };
const { applicationId, privateKey, apiKey, apiSecret } = account;
const vonage = new Vonage({ applicationId, privateKey, apiKey, apiSecret }, hosts);

main();

async function main() {
  const hooks = await new Webhooks({ accepts, forge, nameOf }).open();
  await numbers(hooks);
  await inbound(hooks);
  const over = await outbound(hooks);
  await refusals(over);
  hooks.close();
}

// The SDK checks the token; that the token belongs to the body is left to its user.
function accepts({ headers, body }) {
  const token = headers.authorization.replace(/^Bearer /, '');
  if (!verifySignature(token, account.signatureSecret)) {
    return false;
  }
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  return claims.api_key === apiKey && (body === '' || claims.payload_hash === createHash('sha256').update(body).digest('hex'));
}

// A token without a hash, as a media socket's, covers nothing but itself.
function forge(request) {
  if (request.body !== '') {
    return addField(request);
  }
  const authorization = request.headers.authorization.replace(/[^.]+$/, (mac) => mac.split('').reverse().join(''));
  return { ...request, headers: { ...request.headers, authorization } };
}

// Events of all kinds go to one URL.
function nameOf(path, { status }) {
  return status === undefined ? path : `${path} ${status}`;
}

async function numbers(hooks) {
  const all = await vonage.numbers.getOwnedNumbers({ size: 100 });
  tell('numbers', { count: all.count, numbers: all.numbers.map((number) => number.msisdn) });

  const { name, keys } = await vonage.applications.getApplication(applicationId);
  const application = await vonage.applications.updateApplication({
    id: applicationId, name, keys: { publicKey: keys.publicKey },
    capabilities: {
      voice: {
        webhooks: {
          answerUrl: { address: hooks.url('/inbound'), httpMethod: 'POST' },
          eventUrl: { address: hooks.url('/events'), httpMethod: 'POST' },
        },
      },
    },
  });
  const { errorCode } = await vonage.numbers.updateNumber({ country: 'US', msisdn: account.number, applicationId });
  const found = await vonage.numbers.getOwnedNumbers({ pattern: account.number, searchPattern: 0 });
  tell('pointed', {
    errorCode, numbers: found.numbers.map((number) => number.msisdn), application: found.numbers[0].app_id,
    toUs: application.capabilities.voice.webhooks.answerUrl.address === hooks.url('/inbound'),
  });
}

// A person calls, is connected with a media socket that refuses, and the NCCO is over.
async function inbound(hooks) {
  hooks.answer('/inbound', 'application/json', JSON.stringify(new NCCOBuilder()
    .addAction(new Talk('Welcome.'))
    .addAction({
      ...new Connect({
        type: 'websocket', uri: hooks.url('/media', 'ws'), 'content-type': 'audio/l16;rate=16000', headers: { call: '1' },
        authorization: { type: 'vonage' },
      }).serializeToNCCO(),
      eventType: 'synchronous', eventUrl: [hooks.url('/socket')],
    })
    .build()));

  const call = await hooks.next('/inbound');
  tell('inbound', { id: call.uuid, from: call.from, to: call.to });
  await hooks.next('/media');
  const socket = await hooks.next('/socket failed');
  tell('socket', { status: socket.status, toUs: socket.to === hooks.url('/media', 'ws') });
  const over = await hooks.next('/events completed');
  tell('inbound over', { id: over.uuid, status: over.status, direction: over.direction });
}

async function outbound(hooks) {
  const wait = new NCCOBuilder().addAction(new Wait(60)).build();
  hooks.answer('/answer', 'application/json', JSON.stringify(wait));

  const created = await vonage.voice.createOutboundCall({
    to: [{ type: 'phone', number: account.callee }], from: { type: 'phone', number: account.number },
    answerUrl: [hooks.url('/answer')], answerMethod: 'POST', eventUrl: [hooks.url('/status')], eventMethod: 'POST',
    ringingTimer: 20, lengthTimer: 600,
  });
  const { uuid } = created;
  tell('dialled', { id: uuid, status: created.status, direction: created.direction });
  const answer = await hooks.next('/answer');
  tell('answered', { id: answer.uuid, conversation: answer.conversation_uuid === created.conversationUUID });

  const live = await vonage.voice.getCall(uuid);
  tell('status', { id: live.uuid, status: live.status, direction: live.direction, to: live.to.number, from: live.from.number });
  const ids = [];
  for await (const call of vonage.voice.getAllCalls({ status: 'answered', pageSize: 1 })) {
    ids.push(call.uuid);
  }
  tell('listed', { ids });

  await vonage.voice.playDTMF(uuid, '12p#');
  await vonage.voice.transferCallWithNCCO(uuid, [new Talk('One moment.').serializeToNCCO(), ...wait]);
  const transfer = await hooks.next('/status');
  tell('redirected', { id: transfer.uuid, from: transfer.conversation_uuid_from === created.conversationUUID });

  await vonage.voice.hangupCall(uuid);
  const told = [];
  for (const status of ['started', 'ringing', 'answered', 'completed']) {
    told.push((await hooks.next(`/status ${status}`)).uuid);
  }
  tell('callbacks', { told });
  const over = await vonage.voice.getCall(uuid);
  tell('over', { status: over.status, timed: typeof over.duration === 'string' && /^\d+$/.test(over.duration), rate: over.rate });
  return uuid;
}

async function refusals(over) {
  const order = {
    to: [{ type: 'phone', number: account.callee }], from: { type: 'phone', number: account.number }, ncco: [new Wait(1).serializeToNCCO()],
  };
  const other = generateKeyPairSync('rsa', {
    modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const stranger = new Vonage({ applicationId, privateKey: other.privateKey, apiKey, apiSecret: 'wrong' }, hosts);
  for (const [what, request] of Object.entries({
    'unknown call': () => vonage.voice.getCall('63f61863-4a51-4f6b-86e1-46edebcf9356'),
    'hang-up of a call that is over': () => vonage.voice.hangupCall(over),
    'dial nonsense': () => vonage.voice.createOutboundCall({ ...order, to: [{ type: 'phone', number: '0' }] }),
    'wrong key': () => stranger.voice.createOutboundCall(order),
    'wrong secret': () => stranger.numbers.getOwnedNumbers({}),
  })) {
    const { constructor, response } = await refused(request);
    const problem = await response.json(); // the Numbers API has a form of its own
    tell(what, { type: constructor.name, status: response.status, title: problem.title ?? problem['error-code-label'] });
  }
}
