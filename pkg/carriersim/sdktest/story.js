'use strict';

// What the stories share. A story is a small program as a carrier's customer would write it: it drives the carrier's
// API through the carrier's SDK, and answers the carrier's webhooks once the SDK has accepted their signature. What it
// sees it tells on file descriptor 3, one JSON object a line: one of the SDKs prints to standard output. Whatever it
// does not expect it throws, which ends it with a status other than 0.

const assert = require('node:assert/strict');
const { writeSync } = require('node:fs');
const { createServer } = require('node:http');
const querystring = require('node:querystring');

// account is what the test has put up: where the API is, credentials, numbers.
const account = JSON.parse(process.argv[2]);

function tell(step, facts) {
  writeSync(3, JSON.stringify({ step, ...facts }) + '\n');
}

// refused returns the error with which an SDK reports a refusal, and throws if there was none.
async function refused(request) {
  const error = await request().then(() => undefined, (error) => error);
  assert(error !== undefined, 'nothing was refused');
  return error;
}

// Webhooks is the server that the carrier calls. accepts(request) says whether the SDK accepts a request, of which it
// is shown {method, url, headers, body}; each request is also shown to it forged, which it must not accept. Requests
// are told apart by what nameOf(path, fields) makes of them.
class Webhooks {
  #accepts;
  #forge;
  #nameOf;
  #server = createServer((request, response) => this.#serve(request, response));
  #answers = new Map(); // by path
  #arrived = new Map(); // by name, those that nobody has taken yet
  #waiting = new Map(); // by name, those who wait for one

  constructor({ accepts, forge = addField, nameOf = (path) => path }) {
    this.#accepts = accepts;
    this.#forge = forge;
    this.#nameOf = nameOf;
    this.#server.on('upgrade', (request, socket) => this.#shakeHands(request, socket));
  }

  async open() {
    await new Promise((ready) => this.#server.listen(0, '127.0.0.1', ready));
    return this;
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  url(path, scheme = 'http') {
    return `${scheme}://127.0.0.1:${this.#server.address().port}${path}`;
  }

  // answer says what requests to a path are answered, 204 where nothing was said.
  answer(path, type, body) {
    this.#answers.set(path, { type, body });
  }

  // next returns the fields of the next request of a name, and waits for it if need be.
  next(name) {
    const arrived = this.#arrived.get(name) ?? [];
    if (arrived.length > 0) {
      return Promise.resolve(arrived.shift());
    }
    return new Promise((take) => this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), take]));
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    const fields = await this.#receive(request, Buffer.concat(chunks).toString(), 'http');
    const path = pathOf(request);
    const answer = this.#answers.get(path);
    if (answer === undefined) {
      response.writeHead(204).end();
    } else {
      response.writeHead(200, { 'Content-Type': answer.type }).end(answer.body);
    }
    this.#deliver(this.#nameOf(path, fields), fields);
  }

  // The handshake of a media socket is checked, and the socket refused: media is none of the SDKs' business.
  async #shakeHands(request, socket) {
    const fields = await this.#receive(request, '', 'ws');
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    this.#deliver(pathOf(request), fields);
  }

  async #receive({ method, url, headers }, body, scheme) {
    const request = { method, url: this.url(url, scheme), headers, body };
    assert(await this.#accepts(request), `the SDK does not accept ${JSON.stringify(request)}`);
    const forgery = this.#forge(request);
    assert(!await this.#accepts(forgery), `the SDK accepts ${JSON.stringify(forgery)}`);
    return fieldsOf(request);
  }

  #deliver(name, fields) {
    const take = this.#waiting.get(name)?.shift();
    if (take !== undefined) {
      take(fields);
    } else {
      this.#arrived.set(name, [...(this.#arrived.get(name) ?? []), fields]);
    }
  }
}

function pathOf({ url }) {
  return url.split('?', 1)[0];
}

// addField forges a request: it gets a field that the carrier has not sent.
function addField(request) {
  if (request.method === 'GET') {
    return { ...request, url: `${request.url}${request.url.includes('?') ? '&' : '?'}forged=1` };
  }
  return { ...request, body: isJSON(request) ? request.body.replace('{', '{"forged":1,') : `${request.body}&forged=1` };
}

function isJSON({ headers }) {
  return headers['content-type']?.startsWith('application/json') ?? false;
}

function fieldsOf(request) {
  if (request.method === 'GET') {
    return Object.fromEntries(new URL(request.url).searchParams);
  }
  return isJSON(request) ? JSON.parse(request.body) : formOf(request);
}

// formOf returns a form's fields; a field that comes more than once is an array.
function formOf({ body }) {
  return { ...querystring.parse(body) };
}

module.exports = { account, tell, refused, Webhooks, addField, formOf };
