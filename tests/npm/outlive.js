// Asks a gateway over one WebSocket before and after the token that it shows is revoked, and prints what came of each as JSON.
//
//   node outlive.js 127.0.0.1:4100 TOKEN ID
//
// The token must be an administrator's; ID is its own id.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [address, token, id] = process.argv.slice(2);
const authorization = `Bearer ${token}`;

const client = createClient({
  url: `ws://${address}/graphql`,
  webSocketImpl: WebSocket,
  retryAttempts: 0,
  lazy: false,
  connectionParams: { authorization },
});

function ask() {
  return new Promise((resolve) => {
    let answer = null;
    client.subscribe(
      { query: '{ viewer { subject } }' },
      {
        next: (response) => (answer = response.data),
        error: (error) => resolve({ code: error.code ?? null, reason: error.reason ?? String(error) }),
        complete: () => resolve(answer),
      },
    );
  });
}

const before = await ask();
const revoke = 'mutation ($token: ID!) { revokeApiToken(input: { token: $token }) { userErrors { message } } }';
const response = await fetch(`http://${address}/graphql`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization },
  body: JSON.stringify({ query: revoke, variables: { token: id } }),
});
const revoked = await response.json();
const after = await ask();
await client.dispose();
console.log(JSON.stringify({ before, revoked, after }));
