"""A night's vectors in a folder for other programs, with a map of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from recsys_tasks.clock import Cutoffs
from recsys_tasks.commands.export_folder import ABOUT, draft_of, place_for
from recsys_tasks.config import Config, Environment
from recsys_tasks.lake import Lake
from recsys_tasks.retrieval.embeddings import Embeddings, embeddings_of
from recsys_tasks.retrieval.export.files import Named, write_parquet, write_projector
from recsys_tasks.retrieval.tower.versions import current_lineage, tower_at
from recsys_tasks.snapshot.dataset import Snapshot, open_snapshot
from recsys_tasks.stages.known_nights import nights_in, no_such_night

MAP_ITEMS = 3_000
"""Items on the map, at most: t-SNE takes seconds for them, and no more are told apart."""


@dataclass(frozen=True)
class Exported:
    """The result of an export: its folder and numbers of vectors."""

    folder: Path
    items: int
    users: int
    dimensions: int
    tower: str
    mapped: int


def export_embeddings(
    config: Config,
    environment: Environment,
    as_of: date,
    folder: Path,
    before: Callable[[str], None] = lambda step: None,
) -> Exported:
    """Write a night's item and user vectors, projector files and the map; `before` hears each step.

    The vectors are those of the night's lists. An earlier export in the folder is replaced once the
    new one is whole; a folder with other files and no export is refused. Needs no database and no
    TensorFlow. Raises ArtifactError when the night has no vectors, or the folder cannot be written.
    """
    folder = place_for(folder)
    lake = Lake(environment.lake, cache=environment.home / "lake-cache")
    known = nights_in(lake)
    if as_of not in known:
        raise no_such_night(as_of, known, "--as-of")
    snapshot = open_snapshot(config, lake, as_of)
    tower, embeddings = _vectors(snapshot)
    with draft_of(folder) as draft:
        done = _write(snapshot, embeddings, tower, draft, before)
    return Exported(folder, len(embeddings.item_keys), len(embeddings.user_keys), *done)


def _vectors(snapshot: Snapshot) -> tuple[str, Embeddings]:
    """Of the tower that the night's plan names; before there is a plan, of the newest of the
    current lineage.
    """
    lake, config, as_of = snapshot.lake, snapshot.config, snapshot.as_of
    cutoffs = Cutoffs.at(as_of, config.learning_lag_days)
    plan = lake.newest("plan", as_of.isoformat())
    if plan is not None:
        tower = str(json.loads(plan.file("plan.json").read_text())["tower"])
    else:
        lineage = current_lineage(lake, config, as_of)
        version = tower_at(lake, lineage, cutoffs.learned_before) if lineage else None
        tower = version.artifact.key if version else "none"
    return tower, embeddings_of(snapshot, tower, cutoffs.history_before)


def _write(
    snapshot: Snapshot, made: Embeddings, tower: str, folder: Path, before: Callable[[str], None]
) -> tuple[int, str, int]:
    config, seed = snapshot.config, snapshot.config.resources.seed
    items, users = _items(snapshot, made), _users(snapshot, made)
    before("vectors")
    for entity in (items, users):
        write_parquet(folder / f"{entity.kind}.parquet", entity)
    before("projector")
    write_projector(folder / "projector", (items, users), seed)
    before("map")
    mapped = _write_map(snapshot, made, items, folder)
    dimensions = int(made.item_vectors.shape[1])
    about: dict[str, str | int] = {
        "project": config.project,
        "as_of": str(snapshot.as_of),
        "tower": tower,
        "metric": config.two_tower.metric,
        "items": len(items.ids),
        "users": len(users.ids),
        "dimensions": dimensions,
        "mapped": mapped,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n")
    return dimensions, tower, mapped


def _items(snapshot: Snapshot, made: Embeddings) -> Named:
    from recsys_tasks.retrieval.export.atlas import about_items

    rows = snapshot.items.iloc[made.item_keys]
    return Named(
        "items",
        rows["item_id"].to_numpy(object),
        made.item_vectors,
        about_items(rows, snapshot.config.items.value_attributes),
    )


def _users(snapshot: Snapshot, made: Embeddings) -> Named:
    rows = snapshot.users.iloc[made.user_keys]
    about = {a.name: rows[a.name].tolist() for a in snapshot.config.users.attributes}
    return Named("users", rows["user_id"].to_numpy(object), made.user_vectors, about)


def _write_map(snapshot: Snapshot, made: Embeddings, items: Named, folder: Path) -> int:
    """Items on offer, a sample of many, as map.png and map.html."""
    from recsys_tasks.retrieval.export.atlas import draw_atlas, traits_of
    from recsys_tasks.retrieval.export.atlas_image import write_image
    from recsys_tasks.retrieval.export.atlas_page import atlas_page

    rows = np.arange(len(items.ids))
    if len(rows) > MAP_ITEMS:
        rows = np.sort(
            np.random.default_rng(snapshot.config.resources.seed).permutation(rows)[:MAP_ITEMS]
        )
    shown: pd.DataFrame = snapshot.items.iloc[made.item_keys[rows]]
    about = {name: [values[row] for row in rows.tolist()] for name, values in items.about.items()}
    some = Named("items", items.ids[rows], np.asarray(made.item_vectors[rows], np.float64), about)
    atlas = draw_atlas(
        some,
        traits_of(shown, snapshot.config.items.value_attributes),
        snapshot.config.resources.seed,
    )
    title = f"{snapshot.config.project}: items as the tower of {snapshot.as_of} sees them"
    of_all = "" if len(rows) == len(items.ids) else f" of {len(items.ids):,}"
    note = (
        f"{len(rows):,}{of_all} items; near ones are taken by alike users; a cluster's name is what"
        " sets it apart"
    )
    write_image(folder / "map.png", atlas, title, note)
    (folder / "map.html").write_text(atlas_page(atlas, title, note), encoding="utf-8")
    return len(rows)
