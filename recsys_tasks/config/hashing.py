"""Hashes of settings: what an artifact's fingerprint says of them."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel


def config_hash(*sections: BaseModel | str | int | float | bool | None) -> str:
    """Stable hash of some sections or values: what an artifact's fingerprint says of the config."""
    values = [s.model_dump(mode="json") if isinstance(s, BaseModel) else s for s in sections]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
