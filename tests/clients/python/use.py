"""Uses a gateway the way an application does, and prints what it saw as JSON: python use.py 127.0.0.1:4100"""

import asyncio
import json
import sys
from datetime import datetime, timezone

from gateway_client import (
    CreateDatasetInput,
    Gateway,
    StorageKind,
    StorageTargetRef,
    UpsertStorageTargetInput,
)
from publish import publish


async def find(gateway: Gateway, dataset: str, start: datetime, end: datetime) -> list[str]:
    files, after = [], None
    while True:
        found = await gateway.find(dataset=dataset, from_=start, to=end, after=after)
        page = found.dataset.manifest.partitions
        files += [f"{node.uri} {node.row_count}" for node in page.nodes]
        if not page.page_info.has_next_page:
            return files
        after = page.page_info.end_cursor


async def follow(gateway: Gateway, dataset: str, after: str) -> list[int]:
    events = gateway.follow(after=after, dataset=dataset)
    return [event.changes.manifest.version async for event in events]


async def main(address: str) -> None:
    gateway = Gateway(url=f"http://{address}/graphql", ws_url=f"ws://{address}/graphql")
    target = UpsertStorageTargetInput(name="lake", kind=StorageKind.S3, base_uri="s3://lake/series")
    lake = StorageTargetRef(name="lake")

    async def set_up(name: str):
        dataset = CreateDatasetInput(slug="weather", name=name, default_storage_target=lake)
        return await gateway.set_up(target=target, dataset=dataset)

    created, again = await set_up("Weather"), await set_up("Other")
    beginning = await gateway.beginning()
    days = ["2026-01-01", "2026-01-02", "2026-01-02"]
    published = [await publish(gateway, "weather", day) for day in days]
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    month = datetime(2026, 1, 31, tzinfo=timezone.utc)
    long_ago = datetime(2025, 1, 1, tzinfo=timezone.utc)
    new_year = datetime(2025, 12, 31, tzinfo=timezone.utc)
    seen = {
        "target": created.upsert_storage_target.storage_target.model_dump(),
        "refused": [error.model_dump(include={"code", "path"}) for error in again.create_dataset.user_errors],
        "published": [answer.model_dump(by_alias=True) for answer in published],
        "found": await find(gateway, "weather", noon, month),
        "before": await find(gateway, "weather", long_ago, new_year),
        "followed": await follow(gateway, "weather", beginning.changes.nodes[0].cursor),
    }
    print(json.dumps(seen))


asyncio.run(main(sys.argv[1]))
