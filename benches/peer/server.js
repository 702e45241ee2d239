// The gateway's reads and its publish in JavaScript, written to be fast: graphql-yoga with its caches of parsed and validated
// documents, operations compiled by graphql-jit, rows gathered with dataloader, prepared statements with pg. One process.
//
//   DATABASE_URL=… PORT=… node server.js

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { useGraphQlJit } from "@envelop/graphql-jit";
import { createSchema, createYoga } from "graphql-yoga";
import { pool } from "./database.js";
import { Loaders } from "./loaders.js";
import { resolvers } from "./resolvers.js";

const typeDefs = readFileSync(new URL("schema.graphql", import.meta.url), "utf8");

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  context: () => ({ loaders: new Loaders() }),
  plugins: [useGraphQlJit()],
  cors: false,
  graphiql: false,
  landingPage: false,
  logging: "error",
  maskedErrors: false,
});

const server = createServer((request, response) => {
  if (request.url !== "/readyz") return yoga(request, response);
  pool.query("select 1").then(
    () => response.end("ready"),
    () => response.writeHead(503).end(),
  );
});
server.keepAliveTimeout = 0;
server.listen(Number(process.env.PORT), "127.0.0.1");
