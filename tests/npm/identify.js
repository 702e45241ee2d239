// Asks a gateway over WebSocket who is calling, showing each of the tokens in turn, and prints what came of it as JSON.
//
//   node identify.js ws://127.0.0.1:4100/graphql ['' | TRACEPARENT] ['' | TOKEN]...
//
// With a traceparent, the connection is part of that trace.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, traceparent, ...tokens] = process.argv.slice(2);

class Socket extends WebSocket {
  constructor(address, protocols) {
    super(address, protocols, { headers: traceparent ? { traceparent } : {} });
  }
}

function ask(token) {
  const client = createClient({
    url,
    webSocketImpl: Socket,
    retryAttempts: 0,
    connectionParams: token ? { authorization: `Bearer ${token}` } : undefined,
  });
  return new Promise((resolve) => {
    let answer = null;
    client.subscribe(
      { query: '{ viewer { subject scopes } }' },
      {
        next: (response) => (answer = response.data),
        error: (error) => resolve({ code: error.code ?? null, reason: error.reason ?? String(error) }),
        complete: () => resolve(answer),
      },
    );
  }).finally(() => client.dispose());
}

const answers = [];
for (const token of tokens) answers.push(await ask(token));
console.log(JSON.stringify(answers));
