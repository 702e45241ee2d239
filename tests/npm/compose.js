// Composes the subgraph that is named, an SDL file, with a small one beside it, and prints what came of it as JSON.
import { readFileSync } from "node:fs";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const beside = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@shareable"])

  type Query {
    onCall: [Dataset!]!
  }

  type Dataset @key(fields: "slug") {
    slug: String!
    team: String!
  }

  type Partition @key(fields: "id") {
    id: ID!
    checkedBy: String
  }

  type PageInfo @shareable {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }
`;

const composed = composeServices([
  { name: "timestore", url: "http://timestore/graphql", typeDefs: parse(readFileSync(process.argv[2], "utf8")) },
  { name: "teams", url: "http://teams/graphql", typeDefs: parse(beside) },
]);
const errors = (composed.errors ?? []).map((error) => error.message);
console.log(JSON.stringify({ errors, supergraph: composed.supergraphSdl ?? null }));
