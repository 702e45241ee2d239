// GraphiQL lays out variables and headers through Prettier's `jsonc` parser, which arrives with all of JavaScript's
// (700 KiB). This plugin answers to the same names, and lets the editor's own JSON formatter do the work.

import { applyEdits, format } from "jsonc-parser";

export const parsers = {
  jsonc: { astFormat: "jsonc", parse: (text) => ({ text }), locStart: () => 0, locEnd: ({ text }) => text.length },
};

export const printers = {
  jsonc: { print: ({ node: { text } }) => applyEdits(text, format(text, undefined, { tabSize: 2, insertSpaces: true })) },
};
