// Bundles the page into dist/: index.html, and assets/ with a hash in every name, so that they can be cached for ever.

import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { readExamples } from "./examples.js";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");

// Where the gateway serves dist/assets/. Absolute, because the page itself is at `/graphiql`, without a slash.
const publicPath = "/graphiql/assets";

const shared = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  target: ["es2022"],
  legalComments: "none",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
};

await rm(dist, { recursive: true, force: true });
const { metafile } = await build({
  ...shared,
  entryPoints: { playground: "src/main.jsx" },
  outdir: join(dist, "assets"),
  publicPath,
  format: "esm",
  splitting: true,
  jsx: "automatic",
  keepNames: true, // GraphiQL labels its icons with the names of its functions
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".ttf": "file" },
  alias: {
    "monaco-editor/esm/vs/editor/edcore.main.js": join(root, "src/monaco.js"),
    "prettier/parser-graphql": "prettier/plugins/graphql",
    "prettier/parser-babel": join(root, "src/prettier-jsonc.js"),
    "prettier/plugins/estree": join(root, "src/prettier-jsonc.js"),
  },
  plugins: [examples(), workers()],
  metafile: true,
});
const entry = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint === "src/main.jsx");
await dropUnusedStyles(metafile, entry);
await writeFile(join(dist, "index.html"), await page(metafile, entry));
await writeFile(join(dist, "licenses.txt"), await licenses());
report(metafile);

/** Lets `import examples from "playground:examples"` yield the documents under examples/. */
function examples() {
  return {
    name: "examples",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^playground:examples$/ }, ({ path }) => ({ path, namespace: "examples" }));
      onLoad({ filter: /.*/, namespace: "examples" }, () => ({
        contents: JSON.stringify(readExamples()),
        loader: "json",
      }));
    },
  };
}

/** Lets `import url from "worker:some/module.js"` yield the address of that module, bundled as a classic worker. */
function workers() {
  return {
    name: "workers",
    setup({ onResolve, onLoad, resolve }) {
      onResolve({ filter: /^worker:/ }, async ({ path, resolveDir }) => {
        const found = await resolve(path.slice("worker:".length), { kind: "import-statement", resolveDir });
        return { path: found.path, errors: found.errors, namespace: "worker" };
      });
      onLoad({ filter: /.*/, namespace: "worker" }, async ({ path }) => {
        const { outputFiles } = await build({ ...shared, entryPoints: [path], format: "iife", write: false });
        return { contents: outputFiles[0].contents, loader: "file" };
      });
    },
  };
}

/** Removes the style sheets made for modules that are loaded on demand: the entry's holds all their rules. */
async function dropUnusedStyles({ outputs }, { cssBundle }) {
  for (const file of Object.keys(outputs)) {
    if (!file.endsWith(".css") || file === cssBundle) continue;
    await rm(join(root, file));
    delete outputs[file];
  }
}

/** index.html with the hashed names of the entry's script and style sheet filled in. */
async function page({ outputs }, entry) {
  const script = Object.keys(outputs).find((file) => outputs[file] === entry);
  const template = await readFile(join(root, "index.html"), "utf8");
  return template
    .replace("{{script}}", `${publicPath}/${basename(script)}`)
    .replace("{{style}}", `${publicPath}/${basename(entry.cssBundle)}`);
}

/** The notices of every package that may be in the bundle; most of their licences ask that copies carry them. */
async function licenses() {
  const { packages } = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  const shipped = Object.entries(packages).filter(([folder, { dev, optional }]) => folder !== "" && !dev && !optional);
  const notices = await Promise.all(
    shipped.map(async ([folder, { version, license }]) => {
      const files = (await readdir(join(root, folder))).filter((file) => /^(licen[cs]e|thirdpartynotices)/i.test(file));
      const texts = await Promise.all(files.map((file) => readFile(join(root, folder, file), "utf8")));
      const title = `${folder.split("node_modules/").at(-1)} ${version} (${license})`;
      return [title, ...texts.map((text) => text.trim())].join("\n\n");
    }),
  );
  return `${notices.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

function report({ outputs }) {
  const sizes = Object.entries(outputs).map(([file, { bytes }]) => ({ file: relative("dist", file), bytes }));
  sizes.sort((a, b) => b.bytes - a.bytes);
  for (const { file, bytes } of sizes) console.log(`${(bytes / 1024).toFixed(1).padStart(9)} KiB  ${file}`);
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`${(total / 1024).toFixed(1).padStart(9)} KiB  in all`);
}
