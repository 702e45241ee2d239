// What a request loads, gathered by level: a loader for each kind of row, and for pages one for each set of arguments.

import DataLoader from "dataloader";
import * as statements from "./statements.js";

const keyOf = (row) => `${row.dataset_id}/${row.version}`;

/** Loads one row for each key. */
function one(load, keyOfRow, cacheKeyFn) {
  return new DataLoader(
    async (keys) => {
      const rows = new Map((await load(keys)).map((row) => [keyOfRow(row), row]));
      return keys.map((key) => rows.get(cacheKeyFn ? cacheKeyFn(key) : key) ?? null);
    },
    { cacheKeyFn },
  );
}

/** Loads the rows of each parent, in order. */
function many(load, keyOfRow, cacheKeyFn) {
  return new DataLoader(
    async (keys) => {
      const groups = new Map(keys.map((key) => [cacheKeyFn ? cacheKeyFn(key) : key, []]));
      for (const row of await load(keys)) groups.get(keyOfRow(row)).push(row);
      return [...groups.values()];
    },
    { cacheKeyFn },
  );
}

const datasetIds = (keys) => keys.map((key) => key.dataset_id);
const versions = (keys) => keys.map((key) => key.version);

export class Loaders {
  #pages = new Map();

  target = one((ids) => statements.targets([ids]), (row) => row.id);
  policy = one((ids) => statements.policies([ids]), (row) => row.dataset_id);
  manifest = one((keys) => statements.manifests([datasetIds(keys), versions(keys)]), keyOf, keyOf);

  schemaVersions(first) {
    return this.#page(`schemas ${first}`, () =>
      many((ids) => statements.schemaVersions([ids, first]), (row) => row.dataset_id));
  }

  manifests(first) {
    return this.#page(`manifests ${first}`, () =>
      many(
        (keys) => statements.manifestsOfSchema([datasetIds(keys), versions(keys), first]),
        (row) => `${row.dataset_id}/${row.schema_version}`,
        keyOf,
      ));
  }

  partitions({ first, window, partitionKey }) {
    return this.#page(`partitions ${first} ${JSON.stringify([window, partitionKey])}`, () => {
      const load = (keys) => {
        const page = [datasetIds(keys), versions(keys), first];
        if (!window) return statements.firstPartitions(page);
        page.push(window.from, window.to);
        if (!partitionKey?.length) return statements.windowPartitions(page);
        const [{ key, eq }] = partitionKey;
        return statements.keyedPartitions([...page, key, JSON.stringify(eq)]);
      };
      return many(load, keyOf, keyOf);
    });
  }

  #page(name, make) {
    if (!this.#pages.has(name)) this.#pages.set(name, make());
    return this.#pages.get(name);
  }
}
