"""Publishes one file, once: sent again with the same key, it is answered with what was published the first time."""

import sys
from datetime import datetime, timedelta, timezone

from gateway_client import (
    DatasetRef,
    FieldInput,
    FieldType,
    Gateway,
    PartitionInput,
    PublishManifestInput,
    SchemaRef,
)


async def publish(gateway: Gateway, dataset: str, day: str):
    start = datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
    answer = await gateway.publish(
        PublishManifestInput(
            dataset=DatasetRef(slug=dataset),
            idempotency_key=f"{dataset}/{day}",
            schema_=SchemaRef(
                fields=[
                    FieldInput(name="time", type=FieldType.TIMESTAMP, nullable=False),
                    FieldInput(name="temperature", type=FieldType.DOUBLE, unit="°C"),
                ]
            ),
            add=[
                PartitionInput(
                    file_path=f"day={day}/part-0.parquet",
                    start_time=start,
                    end_time=start + timedelta(days=1, seconds=-1),
                    row_count=86400,
                    file_size_bytes=1048576,
                    partition_key={"city": "seattle"},
                )
            ],
        )
    )
    # What a publisher can expect to go wrong is data: another payload under the same key, a schema that does not fit, ….
    for error in answer.publish_manifest.user_errors:
        print(f"{error.code} at {'.'.join(error.path or [])}: {error.message}", file=sys.stderr)
    return answer.publish_manifest
