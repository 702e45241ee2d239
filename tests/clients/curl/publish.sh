#!/usr/bin/env bash
# Publishes one file, once: sent again with the same key, it is answered with what was published the first time.
#
#   publish.sh http://127.0.0.1:4100/graphql weather 2026-01-01
set -euo pipefail
url=$1 dataset=$2 day=$3

curl --silent --show-error --fail-with-body "$url" \
  --header 'Content-Type: application/json' --data-binary @- <<END
{
  "query": "mutation (\$input: PublishManifestInput!) { publishManifest(input: \$input) { manifest { version } replayed userErrors { code message path } } }",
  "variables": {
    "input": {
      "dataset": { "slug": "$dataset" },
      "idempotencyKey": "$dataset/$day",
      "schema": {
        "fields": [
          { "name": "time", "type": "TIMESTAMP", "nullable": false },
          { "name": "temperature", "type": "DOUBLE", "unit": "°C" }
        ]
      },
      "add": [
        {
          "filePath": "day=$day/part-0.parquet",
          "startTime": "${day}T00:00:00Z",
          "endTime": "${day}T23:59:59Z",
          "rowCount": 86400,
          "fileSizeBytes": 1048576,
          "partitionKey": { "city": "seattle" }
        }
      ]
    }
  }
}
END
