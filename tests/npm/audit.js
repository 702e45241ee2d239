// Runs the audits of graphql-http against a gateway, and prints what each came to as JSON.
//
//   node audit.js http://127.0.0.1:4100/graphql
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
const results = [];
for (const { name, fn } of serverAudits({ url })) {
  const { status, reason } = await fn();
  results.push({ name, status, reason });
}
console.log(JSON.stringify(results));
