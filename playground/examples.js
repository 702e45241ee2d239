// The example documents, in the order of their file names. The build turns them into the first tabs of the page,
// `check.js` validates them, and the gateway's tests run them.

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const examplesDir = join(dirname(fileURLToPath(import.meta.url)), "examples");

/** Every `examples/*.graphql`, with the text of the `.json` beside it as its variables. */
export function readExamples() {
  const files = readdirSync(examplesDir).sort();
  return files
    .filter((file) => file.endsWith(".graphql"))
    .map((file) => {
      const name = basename(file, ".graphql");
      const variables = files.includes(`${name}.json`) ? read(`${name}.json`) : "";
      return { name, query: read(file), variables };
    });
}

function read(file) {
  return readFileSync(join(examplesDir, file), "utf8");
}
