// Asks a gateway for its schema as tools do, and prints it as JSON: {sdl}.
//
//   node introspect.js http://127.0.0.1:4100/graphql
import { buildClientSchema, getIntrospectionQuery, printSchema } from 'graphql';

const [url] = process.argv.slice(2);
const query = getIntrospectionQuery({
  inputValueDeprecation: true,
  oneOf: true,
  schemaDescription: true,
  specifiedByUrl: true,
});
const answer = await fetch(url, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query }),
});
const { data, errors } = await answer.json();
if (errors) throw new Error(JSON.stringify(errors));
console.log(JSON.stringify({ sdl: printSchema(buildClientSchema(data)) }));
