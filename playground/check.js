// Validates every example, variables included, against the exported schema.
// Usage: npm run check [-- path/to/schema.graphql]

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSchema, getVariableValues, parse, validate } from "graphql";
import { readExamples } from "./examples.js";

const schemaPath = resolve(process.argv[2] ?? resolve(dirname(fileURLToPath(import.meta.url)), "../schema.graphql"));
const schema = buildSchema(readFileSync(schemaPath, "utf8"));

const faulty = readExamples().filter((example) => {
  const faults = faultsOf(example);
  console.log(`${faults.length === 0 ? "ok    " : "FAULTY"} ${example.name}`);
  faults.forEach((fault) => console.log(`       ${fault}`));
  return faults.length > 0;
});
process.exitCode = faulty.length === 0 ? 0 : 1;

function faultsOf({ query, variables }) {
  try {
    const document = parse(query);
    const invalid = validate(schema, document);
    if (invalid.length > 0) return invalid.map((error) => error.message);

    // One named operation a file: its name titles the tab, and the tests need not choose.
    const operations = document.definitions.filter(({ kind }) => kind === "OperationDefinition");
    if (operations.length !== 1 || !operations[0].name) return ["must hold exactly one operation, with a name"];

    const given = JSON.parse(variables || "{}");
    const declared = operations[0].variableDefinitions.map(({ variable }) => variable.name.value);
    const unused = Object.keys(given).filter((name) => !declared.includes(name));
    const { errors = [] } = getVariableValues(schema, operations[0].variableDefinitions, given);
    return [...unused.map((name) => `variable $${name} is not declared`), ...errors.map(({ message }) => message)];
  } catch (error) {
    return [error.message];
  }
}
