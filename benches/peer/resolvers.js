// What each field is, where it is not a column of the row that its object stands for.

import { GraphQLScalarType } from "graphql";
import { publish } from "./publish.js";
import * as statements from "./statements.js";

// A cursor of the gateway: which list, whose, and the position in it.
const slugOf = (cursor) => JSON.parse(Buffer.from(cursor, "base64url"))[2];

const lowerCase = (names) => Object.fromEntries(names.split(" ").map((name) => [name, name.toLowerCase()]));
const asItIs = (name) => new GraphQLScalarType({ name, serialize: (value) => value });

export const resolvers = {
  Query: {
    dataset: async (_, { by }) => (await statements.datasetBySlug([by.slug]))[0] ?? null,
    datasets: async (_, { first, after }) => ({
      nodes: await statements.datasetsAfter([after ? slugOf(after) : "", first]),
    }),
  },
  Mutation: { publishManifest: (_, { input }) => publish(input) },
  Dataset: {
    defaultStorageTarget: (dataset, _, { loaders }) =>
      dataset.default_storage_target_id && loaders.target.load(dataset.default_storage_target_id),
    retentionPolicy: (dataset, _, { loaders }) => loaders.policy.load(dataset.id),
    schemaVersion: (dataset) => (dataset.latest_schema_version ? { version: dataset.latest_schema_version } : null),
    schemaVersions: async (dataset, { first }, { loaders }) => ({
      nodes: await loaders.schemaVersions(first).load(dataset.id),
    }),
    manifest: (dataset, { by }, { loaders }) => {
      const version = by?.version ?? dataset.latest_version;
      return version ? loaders.manifest.load({ dataset_id: dataset.id, version }) : null;
    },
  },
  SchemaVersion: {
    manifests: async (schema, { first }, { loaders }) => ({ nodes: await loaders.manifests(first).load(schema) }),
  },
  Manifest: {
    partitions: async (manifest, args, { loaders }) => ({
      resolvedVersion: manifest.version,
      nodes: await loaders.partitions(args).load(manifest),
    }),
  },
  Partition: {
    storageTarget: (partition, _, { loaders }) => loaders.target.load(partition.storage_target_id),
  },
  DatasetStatus: lowerCase("ACTIVE INACTIVE"),
  FieldType: lowerCase("BINARY BOOLEAN DATE DECIMAL DOUBLE INTEGER STRING TIMESTAMP"),
  FileFormat: lowerCase("DUCKDB PARQUET"),
  ManifestOperation: lowerCase("APPEND REPLACE DELETE COMPACT RETENTION ROLLBACK RELOCATE"),
  RetentionMode: lowerCase("TIME SIZE HYBRID"),
  StorageKind: lowerCase("LOCAL S3 GCS AZURE_BLOB HTTP"),
  BigInt: asItIs("BigInt"),
  DateTime: asItIs("DateTime"),
  Duration: asItIs("Duration"),
  JSON: asItIs("JSON"),
};
