"""Everything that is kept of one user, as JSON: the answer to a request for access.

It is read where an erasure would take it out, by the same functions: what `recsys erase-user`
counts at a place is what the export has of it, or there is no export.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from recsys_tasks.commands.verify import DAMAGED_FOLDER
from recsys_tasks.config import Environment
from recsys_tasks.database import create_engine, database_url
from recsys_tasks.errors import TransientError, offenders
from recsys_tasks.ids import IdMap, read_ids
from recsys_tasks.lake import Lake
from recsys_tasks.lake.kinds import catalogue
from recsys_tasks.privacy import database as in_database
from recsys_tasks.privacy import home as in_home
from recsys_tasks.privacy import lake as in_lake
from recsys_tasks.privacy.subject import find_subject, nowhere
from recsys_tasks.snapshot.erased_users import read_erased
from recsys_tasks.snapshot.erasing import Subject

_NOTES = (
    "dtype, shape and values: numbers of a model or a count, as its file has them. A vector says"
    " nothing by itself; columns named beside it say what each number is.",
    "user_key is the number that stands for the user, item_key and items are numbers of items;"
    " item_ids has the items' ids.",
    "Mentions are quoted with what stands around them: look whether others are named there before"
    " you hand this on.",
    "What was learned from everybody's events (models, co-visitation, popularity) has no row of the"
    " user and is not here.",
)


@dataclass(frozen=True)
class _Stores:
    """What is searched for one user."""

    lake: Lake
    engine: Engine
    home: Path
    subject: Subject
    items: IdMap


def export_user(
    environment: Environment,
    user_id: str,
    now: datetime,
    before: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """What is kept of a user, by place, ready for JSON. Nothing is written, in the home or
    elsewhere; a remote lake's files are read through a folder that is removed again.

    Raises DataError for an id that nothing holds, ArtifactError for a lake with unknown layouts,
    TransientError when a stage or an erasure changed what is kept meanwhile.
    """
    engine = create_engine(database_url(environment))
    try:
        with tempfile.TemporaryDirectory() as cache:
            lake = Lake(environment.lake, cache=Path(cache))
            in_lake.check_layouts(lake)
            subject = find_subject(lake, engine, read_erased(lake), user_id)
            items = read_ids(lake, "items")
            stores = _Stores(lake, engine, environment.home, subject, items)
            return _export(stores, now, before)
    finally:
        engine.dispose()


def _export(stores: _Stores, now: datetime, before: Callable[[str], None]) -> dict[str, Any]:
    subject = stores.subject
    before("PostgreSQL")
    counted = {name: n for name, n in in_database.count(stores.engine, subject).items() if n}
    tables = in_database.rows(stores.engine, subject)
    read = {name: len(rows) for name, rows in tables.items()}
    if read != counted:
        raise _changed([name for name in {*read, *counted} if read.get(name) != counted.get(name)])
    places: Counter[str] = Counter({f"recsys.{name}": rows for name, rows in counted.items()})
    artifacts = []
    for trace in in_lake.traces(stores.lake, subject):
        before(f"lake {trace.artifact.kind}")
        places[f"lake {trace.artifact.kind}"] += trace.rows
        artifacts.append(
            {
                "artifact": trace.artifact.reference,
                "what": catalogue()[trace.artifact.kind].what,
                "rows": trace.rows,
                "files": trace.contents,
            }
        )
    before("texts")
    texts = in_home.quotes(stores.home, subject)
    for path, quoted in texts.items():
        places[f"home {Path(path).parts[0]}"] += len(quoted)
    if not places:
        raise nowhere(subject.user_id)
    found = {"database": tables, "lake": artifacts, "texts": texts}
    return {
        "user_id": subject.user_id,
        "user_key": subject.key if subject.key >= 0 else None,
        "read_at": now.isoformat(timespec="seconds"),
        "places": dict(places),
        **found,
        "item_ids": _item_ids(found, stores.items),
        "not_read": _not_read(stores.home),
        "notes": list(_NOTES),
    }


def as_json(export: Mapping[str, Any]) -> str:
    """The export as text: times in ISO 8601, null for what is no number."""
    return json.dumps(_plain(export), ensure_ascii=False, indent=1, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _item_ids(found: Any, items: IdMap) -> dict[str, str]:
    """Key → id of every item that the user's rows name."""
    keys = {key for key in _item_keys(found, "") if 0 <= key < len(items)}
    return {str(key): items.ids[key] for key in sorted(keys)}


def _item_keys(value: Any, name: str) -> Iterator[int]:
    if isinstance(value, Mapping):
        for inner_name, inner in value.items():
            yield from _item_keys(inner, name if inner_name == "values" else str(inner_name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _item_keys(inner, name)
    elif isinstance(value, int) and not isinstance(value, bool) and "item" in name:
        yield value


def _not_read(home: Path) -> dict[str, Any]:
    """What an erasure removes whole, as no layout says who is in it."""
    folder = home / DAMAGED_FOLDER
    names = [str(path.relative_to(home)) for path in folder.rglob("*") if path.is_file()]
    words = "damaged files that recsys verify set aside; recsys erase-user removes them whole"
    return {words: sorted(names)} if names else {}


def _changed(places: list[str]) -> TransientError:
    return TransientError(
        expected="what is kept of the user, the same at two looks",
        found=f"it changed in {offenders(sorted(places))}",
        where="the recsys database",
        remedy="run it again",
    )
