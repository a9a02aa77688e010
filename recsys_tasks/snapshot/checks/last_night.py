"""What a night's delivery is compared with: the tables of the last night that was accepted.

An extract that a check refused is no measure, or what is wrong would pass on the night after. A
night that runs again is compared with what it froze before: rows that it has lost since are found.
The comparisons themselves are `losses` and `column_drift`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.snapshot.extract_result import read_extract
from recsys_tasks.snapshot.tonight import RAW_PARTS

TABLES = "tables"
"""Fact of a snapshot: references of the raw users and items that it was made from."""


def accepted_snapshot(lake: Lake, as_of: date) -> Artifact | None:
    """The newest snapshot up to a night, its own included, under whatever settings."""
    for key in reversed([k for k in lake.keys("snapshot") if k <= as_of.isoformat()]):
        artifact = lake.require("snapshot", key)
        if RAW_PARTS in artifact.manifest["files"]:
            return artifact
    return None


def table_before(
    lake: Lake, base: Artifact, name: str, columns: Sequence[str] | None = None
) -> pa.Table | None:
    """The delivered `users` or `items` that a snapshot was made from, those of `columns` that it
    has; None where the table is not there any more.
    """
    try:
        if TABLES in base.facts:
            reference = base.facts[TABLES][name]
        else:
            # An old home's snapshots do not say: their nights' newest extracts are the best guess.
            reference = getattr(read_extract(lake.require("extract", base.key)), name)
        path = lake.get(reference).file(f"{name}.parquet")
    except (ArtifactError, KeyError):
        return None
    there = pq.read_schema(path).names
    wanted = there if columns is None else [column for column in columns if column in there]
    return pq.read_table(path, columns=wanted)
