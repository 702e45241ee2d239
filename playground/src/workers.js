// Tells the editor where its workers are: files of this origin, so that no `blob:` script needs to be allowed.

import editorWorker from "worker:monaco-editor/esm/vs/editor/editor.worker.js";
import jsonWorker from "worker:monaco-editor/esm/vs/language/json/json.worker.js";
import graphqlWorker from "worker:monaco-graphql/esm/graphql.worker.js";

const byLanguage = { json: jsonWorker, graphql: graphqlWorker };

globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(byLanguage[label] ?? editorWorker, { name: label }),
};
