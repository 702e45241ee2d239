// The page at /graphiql: GraphiQL on the gateway that served it, with the examples as its first tabs.

import "./workers.js";
// GraphiQL loads the editor on demand; imported here, its style sheet becomes part of the page's.
import "monaco-graphql/esm/monaco-editor.js";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./page.css";

import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import examples from "playground:examples";

// What the headers editor holds goes with every request, and as the connection's parameters with a subscription.
const fetcher = createGraphiQLFetcher({
  url: endpoint(location.protocol),
  subscriptionUrl: endpoint(location.protocol === "https:" ? "wss:" : "ws:"),
  enableIncrementalDelivery: false,
});

function endpoint(protocol) {
  return `${protocol}//${location.host}/graphql`;
}

// What the variables editor accepts for the schema's own scalars.
const scalars = {
  BigInt: { type: ["string", "integer"], pattern: "^-?[0-9]+$" },
  DateTime: { type: "string" },
  Duration: { type: "string" },
  JSON: {},
};

createRoot(document.getElementById("playground")).render(
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={examples.map(({ query, variables }) => ({ query, variables }))}
    defaultEditorToolsVisibility="variables"
    visiblePlugin={DOC_EXPLORER_PLUGIN}
    customScalarSchemas={scalars}
    schemaDescription
    inputValueDeprecation
  >
    <GraphiQL.Logo>Timestore</GraphiQL.Logo>
  </GraphiQL>,
);
