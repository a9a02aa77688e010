"""Why the places of a sample of users are there, written down after the lists are published."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine, text

from recsys_tasks.arrays import Int32
from recsys_tasks.database import transaction
from recsys_tasks.database.binary import copy_batches
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.lists.place_reasons import PlaceReason, place_reasons
from recsys_tasks.ranking.lists.recommender import Recommender

FEATURES = 5
"""Features named of each place."""
_SAMPLE = text("""
SELECT l.user_key, l.items[1:p.k] AS items FROM recsys.user_sample AS s
JOIN recsys.users AS u ON u.user_id = s.user_id
JOIN recsys.publication AS p ON p.id = :id
JOIN recsys.list_rows AS l ON l.publication_id = :id AND l.user_key = u.user_key
ORDER BY hashint4(l.user_key), l.user_key LIMIT :users
""")
_FORGET = text("DELETE FROM recsys.place_reason_rows WHERE publication_id = :id")
_SCHEMA = pa.schema(
    [
        ("user_key", pa.int32()),
        ("rank", pa.int16()),
        ("item_key", pa.int32()),
        ("place", pa.int16()),
        ("feature", pa.string()),
        ("held", pa.float32()),
        ("contribution", pa.float32()),
    ]
)


def sampled_lists(engine: Engine, publication: int, users: int) -> tuple[Keys, Int32]:
    """(users `[n] int32`, first k places of their lists `[n, k] int32`, -1 pads) of a publication,
    for up to so many users of user_sample.
    """
    with engine.connect() as connection:
        found = connection.execute(_SAMPLE, {"id": publication, "users": users}).all()
    lists = np.full((len(found), max((len(row.items) for row in found), default=0)), -1, np.int32)
    for at, row in enumerate(found):
        lists[at, : len(row.items)] = row.items
    return np.array([row.user_key for row in found], np.int32), lists


def record_place_reasons(
    engine: Engine,
    publication: int,
    lists: tuple[Keys, Int32],
    recommender: Recommender,
    release: Artifact,
) -> int:
    """Write why the places of `lists` (users `[n] int32`, items `[n, k] int32`, -1 pads) are there,
    in the place of what was written before; how many places.
    """
    users, items = lists
    found = place_reasons(recommender, release, users, items, FEATURES)
    with transaction(engine) as connection:
        connection.execute(_FORGET, {"id": publication})
        rows = _table(users, found)
        fixed = pa.array(np.full(rows.num_rows, publication), pa.int64())
        rows = rows.append_column("publication_id", fixed).combine_chunks()
        copy_batches(connection, "place_reason_rows", rows.to_batches())
    return len(found)


def _table(users: Keys, found: list[PlaceReason]) -> pa.Table:
    rows = [
        (int(users[one.row]), one.rank, one.item, place, *of)
        for one in found
        for place, of in enumerate(
            zip(one.features, one.values, one.contributions, strict=True), start=1
        )
    ]
    columns = zip(*rows, strict=True) if rows else ((),) * len(_SCHEMA)
    return pa.table(dict(zip(_SCHEMA.names, map(list, columns), strict=True)), schema=_SCHEMA)
