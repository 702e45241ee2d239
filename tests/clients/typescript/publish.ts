// Publishes one file, once: sent again with the same key, it is answered with what was published the first time.
import { Gateway } from './gateway';
import { graphql } from './generated';

const PUBLISH = graphql(`
  mutation Publish($input: PublishManifestInput!) {
    publishManifest(input: $input) {
      manifest { version }
      replayed
      userErrors { code message path }
    }
  }
`);

export async function publish(gateway: Gateway, dataset: string, day: string) {
  const { publishManifest } = await gateway.execute(PUBLISH, {
    input: {
      dataset: { slug: dataset },
      idempotencyKey: `${dataset}/${day}`,
      schema: {
        fields: [
          { name: 'time', type: 'TIMESTAMP', nullable: false },
          { name: 'temperature', type: 'DOUBLE', unit: '°C' },
        ],
      },
      add: [
        {
          filePath: `day=${day}/part-0.parquet`,
          startTime: `${day}T00:00:00Z`,
          endTime: `${day}T23:59:59Z`,
          rowCount: 86400,
          fileSizeBytes: 1048576,
          partitionKey: { city: 'seattle' },
        },
      ],
    },
  });
  // What a publisher can expect to go wrong is data: another payload under the same key, a schema that does not fit, ….
  for (const { code, message, path } of publishManifest.userErrors) {
    console.error(`${code} at ${path?.join('.')}: ${message}`);
  }
  return publishManifest;
}
