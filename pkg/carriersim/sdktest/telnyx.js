'use strict';

const { Telnyx, TelnyxError } = require('telnyx');
const { account, tell, refused, Webhooks } = require('./story');

// Telnyx' own way to change where requests go: an option.
const baseURL = `${account.api}/v2`;
const client = new Telnyx({ apiKey: account.apiKey, publicKey: account.publicKey, baseURL });

// What Telnyx gives back with each event of a leg.
const state = Buffer.from('ours').toString('base64');

main();

async function main() {
  const hooks = await new Webhooks({ accepts, nameOf }).open();
  const connection = await numbers(hooks);
  await inbound(hooks);
  const over = await outbound(hooks, connection);
  await refusals(connection, over);
  hooks.close();
}

async function accepts({ headers, body }) {
  try {
    await client.webhooks.unwrap(body, { headers });
    return true;
  } catch (error) {
    if (error instanceof TelnyxError) {
      return false;
    }
    throw error;
  }
}

// Events of all kinds go to one URL, and in no certain order.
function nameOf(path, { data }) {
  return `${path} ${data.event_type}`;
}

// event waits for an event and returns its payload.
async function event(hooks, name) {
  const { data } = await hooks.next(name);
  return data.payload;
}

async function numbers(hooks) {
  const all = [];
  for await (const number of client.phoneNumbers.list({ 'page[size]': 1 })) {
    all.push(number.phone_number);
  }
  tell('numbers', { numbers: all });

  const { data: application } = await client.callControlApplications.create({
    application_name: 'trunkline', webhook_event_url: hooks.url('/inbound'), webhook_api_version: '2',
    outbound: { outbound_voice_profile_id: account.profile },
  });
  const found = await client.phoneNumbers.list({ filter: { phone_number: account.number.replace('+', '') } });
  const { data: number } = await client.phoneNumbers.update(found.data[0].id, { connection_id: application.id });
  const { data: read } = await client.callControlApplications.retrieve(application.id);
  tell('pointed', {
    number: number.phone_number, linked: number.connection_id === application.id, toUs: read.webhook_event_url === hooks.url('/inbound'),
  });
  return application.id;
}

// A person calls, is answered, and hung up on.
async function inbound(hooks) {
  const call = await event(hooks, '/inbound call.initiated');
  const { call_control_id: id } = call;
  tell('inbound', { id, from: call.from, to: call.to, state: call.state, direction: call.direction });
  await client.calls.actions.answer(id, { client_state: state, command_id: 'answer' });
  const answered = await event(hooks, '/inbound call.answered');
  tell('inbound answered', { id: answered.call_control_id, ours: answered.client_state === state });
  await client.calls.actions.hangup(id, {});
  const over = await event(hooks, '/inbound call.hangup');
  tell('inbound over', { id: over.call_control_id, cause: over.hangup_cause });
}

async function outbound(hooks, connection) {
  const { data: call } = await client.calls.dial({
    connection_id: connection, from: account.number, to: account.callee, webhook_url: hooks.url('/events'), timeout_secs: 20,
    client_state: state, command_id: 'dial',
  });
  const { call_control_id: id } = call;
  tell('dialled', { id, alive: call.is_alive });
  const initiated = await event(hooks, '/events call.initiated');
  tell('initiated', { id: initiated.call_control_id, leg: initiated.call_leg_id === call.call_leg_id, direction: initiated.direction });
  const answered = await event(hooks, '/events call.answered');
  tell('answered', { id: answered.call_control_id, ours: answered.client_state === state });

  const { data: live } = await client.calls.retrieveStatus(id);
  tell('status', { id: live.call_control_id, alive: live.is_alive });
  // One page: this list is cut by cursors, which the SDK's walk over pages does not know.
  const { data: active } = await client.connections.listActiveCalls(connection);
  tell('listed', { ids: active.map((leg) => leg.call_control_id) });

  await client.calls.actions.sendDtmf(id, { digits: '12#' });
  await client.calls.actions.transfer(id, { from: account.number, to: account.other, command_id: 'transfer' });
  const bridged = [await event(hooks, '/events call.bridged'), await event(hooks, '/events call.bridged')];
  tell('transferred', { legs: new Set(bridged.map((leg) => leg.call_leg_id)).size, to: bridged.map((leg) => leg.to).sort() });

  await client.calls.actions.hangup(id, {});
  const ended = [await event(hooks, '/events call.hangup'), await event(hooks, '/events call.hangup')];
  const { hangup_cause: cause, hangup_source: source } = ended.find((leg) => leg.call_control_id === id);
  const { data: over } = await client.calls.retrieveStatus(id);
  tell('over', { cause, source, alive: over.is_alive, ended: typeof over.end_time });
  return id;
}

async function refusals(connection, over) {
  const order = { connection_id: connection, from: account.number, to: account.callee };
  const stranger = new Telnyx({ apiKey: 'KEY00', baseURL });
  for (const [what, request] of Object.entries({
    'unknown call': () => client.calls.retrieveStatus('v3:nobody'),
    'hang-up of a call that is over': () => client.calls.actions.hangup(over, {}),
    'dial nonsense': () => client.calls.dial({ ...order, to: '0177' }),
    'wrong key': () => stranger.phoneNumbers.list(),
  })) {
    const { constructor, status, error } = await refused(request);
    tell(what, { type: constructor.name, status, code: error.errors[0].code });
  }
}
