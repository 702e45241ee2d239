// Follows the change feed with the clients graphql-ws and graphql-sse, the way an application should: what breaks is begun again
// after the last cursor. Prints, as JSON, the changes in the order in which they came, and the error that ended it, if one did.
//
//   node feed.js '{"transport": "ws", "address": "127.0.0.1:4100", "after": null, "filter": null, "count": 10}'
//
// With `"misbehaves"` it prints how the connection was closed instead: "stalls" reads nothing until the gateway gives it up,
// "floods" sends a message that is too large, and "ends" asks the gateway to stop, whose process id is `"gateway"`, once the first
// change has come.
import { setTimeout as pause } from 'node:timers/promises';
import * as sse from 'graphql-sse';
import * as ws from 'graphql-ws';
import WebSocket from 'ws';

const { transport, address, after, filter, count, misbehaves, gateway } = JSON.parse(process.argv[2]);
const query = `subscription ($after: String, $filter: ChangeFilter) {
  changes(after: $after, filter: $filter) { cursor kind manifest { version dataset { slug } } } }`;

let socket;
class Socket extends WebSocket {
  constructor(...args) {
    super(...args);
    socket = this;
  }
}

// Both clients can connect again by themselves, but only with the variables that they began with: that would be a gap, or twice
// the same. So they are told not to.
const client = {
  ws: () =>
    ws.createClient({ url: `ws://${address}/graphql`, webSocketImpl: Socket, retryAttempts: 0 }),
  sse: () => sse.createClient({ url: `http://${address}/graphql/stream`, retryAttempts: 0 }),
}[transport]();

// A GraphQL error: a list of them in an `error` message, or the `errors` of a result. What is neither is a broken connection.
function refusal(problem) {
  const errors = Array.isArray(problem) ? problem : problem.errors;
  return errors && { message: errors[0].message, ...errors[0].extensions };
}

async function follow() {
  const changes = [];
  while (changes.length < count) {
    const variables = { after: changes.at(-1)?.cursor ?? after, filter };
    try {
      for await (const result of client.iterate({ query, variables })) {
        if (result.errors) throw result;
        changes.push(result.data.changes);
        if (changes.length === count) break;
      }
    } catch (problem) {
      const error = refusal(problem);
      if (error && error.code !== 'UNAVAILABLE') return { changes, error };
      await pause(100);
    }
  }
  return { changes, error: null };
}

const misbehaviour = {
  async stalls() {
    while (socket?.readyState !== WebSocket.OPEN) await pause(10);
    for (;;) {
      socket.pause();
      await pause(3000);
      socket.resume();
      await pause(500);
    }
  },
  async floods() {
    while (socket?.readyState !== WebSocket.OPEN) await pause(10);
    socket.send('x'.repeat(40 << 20));
  },
  async ends() {
    while (!heard) await pause(10);
    process.kill(gateway, 'SIGTERM');
  },
};

let heard = false;
async function misbehave(how) {
  misbehaviour[how]();
  try {
    for await (const _ of client.iterate({ query, variables: { after, filter } })) heard = true;
    return { closed: null };
  } catch (problem) {
    return { closed: { code: problem.code, reason: problem.reason ?? problem.message } };
  }
}

setTimeout(() => {
  console.error('the feed does not go on');
  process.exit(1);
}, 150_000).unref();
console.log(JSON.stringify(await (misbehaves ? misbehave(misbehaves) : follow())));
process.exit(0);
