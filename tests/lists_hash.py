"""One figure for all lists of a database: equal only where every list is, to the bit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa
from sqlalchemy import Engine

_LISTS = sa.text(
    "SELECT as_of, user_id, rank, item_id, encode(float4send(score::real), 'hex')"
    " FROM recsys.recommendation_history ORDER BY as_of, user_id, rank"
)


def lists_hashes(engine: Engine) -> Mapping[date, str]:
    """Night → rows of its lists and SHA-256 of (user_id, rank, item_id, score)."""
    digests, rows = dict[date, "hashlib._Hash"](), dict[date, int]()
    with engine.connect() as connection:
        for as_of, *row in connection.execute(_LISTS):
            digests.setdefault(as_of, hashlib.sha256()).update(repr(row).encode())
            rows[as_of] = rows.get(as_of, 0) + 1
    return {night: f"{rows[night]} rows, {digests[night].hexdigest()}" for night in digests}
