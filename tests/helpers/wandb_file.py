"""The values that a run of W&B has written to its own file, read without network: LevelDB's log of protobuf records."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 32768
FILE_HEADER = 7
"""Bytes before the first record: four of a name, two of a number, one of a version."""

RECORD_HEADER = struct.Struct("<IHB")
"""Checksum, length and kind of a piece of a record."""

FULL, FIRST, LAST = 1, 2, 4


def read_records(path: Path) -> Iterator[Any]:
    """Yield the records of a run file."""
    from wandb.proto import wandb_internal_pb2

    content = path.read_bytes()
    position, pieces = FILE_HEADER, b""
    while position + RECORD_HEADER.size <= len(content):
        left = BLOCK - position % BLOCK
        if left < RECORD_HEADER.size:  # too little for a header is filled up
            position += left
            continue
        _, length, kind = RECORD_HEADER.unpack_from(content, position)
        position += RECORD_HEADER.size
        pieces = (
            content[position : position + length]
            if kind in {FULL, FIRST}
            else pieces + content[position : position + length]
        )
        position += length
        if kind in {FULL, LAST}:
            record = wandb_internal_pb2.Record()  # type: ignore[attr-defined]  # made when it is imported
            record.ParseFromString(pieces)
            yield record


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return what was logged, one dictionary per step."""
    rows = []
    for record in read_records(path):
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({"/".join(one.nested_key) or one.key: json.loads(one.value_json) for one in items})
    return rows


def read_config(path: Path) -> dict[str, Any]:
    """Return the configuration that was logged."""
    found: dict[str, Any] = {}
    for record in read_records(path):
        kind = record.WhichOneof("record_type")
        update = record.config if kind == "config" else record.run.config if kind == "run" else None
        for item in update.update if update is not None else ():
            found["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
    return found
