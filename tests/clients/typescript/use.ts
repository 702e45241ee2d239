// Uses a gateway the way an application does, and prints what it saw as JSON:
//
//   node build/use.js 127.0.0.1:4100
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { Gateway } from './gateway';
import { graphql } from './generated';
import type { FollowSubscription } from './generated/graphql';
import { publish } from './publish';

const SET_UP = graphql(`
  mutation SetUp($target: UpsertStorageTargetInput!, $dataset: CreateDatasetInput!) {
    upsertStorageTarget(input: $target) { storageTarget { name kind } }
    createDataset(input: $dataset) { dataset { slug } userErrors { code path } }
  }
`);

const FIND = graphql(`
  query Find($dataset: String!, $from: DateTime!, $to: DateTime!, $after: String) {
    dataset(by: { slug: $dataset }) {
      manifest {
        version
        partitions(window: { from: $from, to: $to }, first: 1, after: $after) {
          nodes { uri rowCount startTime }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  }
`);

const FOLLOW = graphql(`
  subscription Follow($after: String, $dataset: String!) {
    changes(after: $after, first: 2, filter: { dataset: { slug: $dataset }, kinds: [MANIFEST_PUBLISHED] }) {
      cursor
      kind
      manifest { version }
    }
  }
`);

const BEGINNING = graphql(`query Beginning { changes(first: 1) { nodes { cursor } } }`);

async function find(gateway: Gateway, dataset: string, from: string, to: string): Promise<string[]> {
  const uris: string[] = [];
  let after: string | null | undefined;
  do {
    const found = await gateway.execute(FIND, { dataset, from, to, after });
    const files = found.dataset?.manifest?.partitions;
    uris.push(...(files?.nodes ?? []).map(({ uri, rowCount }) => uri + ' ' + rowCount));
    after = files?.pageInfo.hasNextPage ? files.pageInfo.endCursor : null;
  } while (after);
  return uris;
}

async function follow(address: string, dataset: string, after: string): Promise<unknown[]> {
  const client = createClient({ url: 'ws://' + address + '/graphql', webSocketImpl: WebSocket, retryAttempts: 0 });
  const versions: unknown[] = [];
  const request = { query: FOLLOW.toString(), variables: { after, dataset } };
  for await (const { data } of client.iterate<FollowSubscription>(request)) {
    versions.push(data?.changes.manifest?.version);
  }
  await client.dispose();
  return versions;
}

async function main(address: string) {
  const gateway = new Gateway('http://' + address + '/graphql');
  const set = {
    target: { name: 'lake', kind: 'S3', baseUri: 's3://lake/series' },
    dataset: { slug: 'weather', name: 'Weather', defaultStorageTarget: { name: 'lake' } },
  } as const;
  const created = await gateway.execute(SET_UP, set);
  const again = await gateway.execute(SET_UP, { ...set, dataset: { ...set.dataset, name: 'Other' } });
  const beginning = await gateway.execute(BEGINNING, {});
  const published = [];
  for (const day of ['2026-01-01', '2026-01-02', '2026-01-02']) {
    published.push(await publish(gateway, 'weather', day));
  }
  const [first] = beginning.changes.nodes;
  console.log(
    JSON.stringify({
      target: created.upsertStorageTarget.storageTarget,
      refused: again.createDataset.userErrors,
      published,
      found: await find(gateway, 'weather', '2026-01-01T12:00:00Z', '2026-01-31T00:00:00Z'),
      before: await find(gateway, 'weather', '2025-01-01T00:00:00Z', '2025-12-31T00:00:00Z'),
      followed: first && (await follow(address, 'weather', first.cursor)),
    }),
  );
}

main(process.argv[2] ?? '127.0.0.1:4100').catch((problem) => {
  console.error(problem);
  process.exit(1);
});
