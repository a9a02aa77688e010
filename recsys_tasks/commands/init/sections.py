"""The sections of the settings file, each proposed from what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from recsys_tasks.commands.init.attributes import Found, attributes_of, segment_of
from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.ends import add_end
from recsys_tasks.commands.init.names import fits
from recsys_tasks.commands.init.proposal import Proposal
from recsys_tasks.commands.init.readings import Reading
from recsys_tasks.commands.init.roles import Entities, Roles
from recsys_tasks.commands.init.times import add_form

_TITLE_WORDS = 1.5
_EARLY = 0.01
"""Share of events before their item's launch up to which a column of dates can be the launch."""


def add_users(proposal: Proposal, roles: Roles) -> None:
    """The users table, if there is one, and its attributes."""
    if roles.users is None:
        return
    proposal.add("users.id_column", roles.users.id_column, "sure", "a row each")
    found = list(attributes_of(roles.users.columns, [roles.users.id_column], vectors=False))
    segment = segment_of(found, roles.users.columns)
    if segment is not None and segment.declared is not None:
        words = f"{segment.evidence}: popular lists are made for each"
        proposal.add("users.segment_by", segment.declared["name"], "likely", words)
    _attributes(proposal, "users", found)


def _attributes(proposal: Proposal, table: str, found: Sequence[Found]) -> None:
    declared = [entry.declared for entry in found if entry.declared is not None]
    words = "; ".join(f"{e.declared['name']}: {e.evidence}" for e in found if e.declared)
    if declared:
        proposal.add(f"{table}.attributes", declared, "likely", words)
    proposal.left_out += [f"{table}, {e.column}: {e.evidence}" for e in found if not e.declared]


def add_items(proposal: Proposal, roles: Roles, now: datetime) -> None:
    """The items table: title, availability, attributes, category."""
    if roles.items is None:
        return
    columns, taken = roles.items.columns, [roles.items.id_column]
    proposal.add("items.id_column", taken[0], "sure", "a row each")
    title = _best(columns, "title", taken, lambda c: not c.is_numeric and c.distinct > 1)
    if title:
        words = f"{columns[title].distinct:,} values; shown to people"
        proposal.add("items.title_column", title, "likely", words)
    elif title := _longest(columns, taken):
        words = f"{columns[title].words:.1f} words each, the longest that differ; shown to people"
        proposal.add("items.title_column", title, "a guess", words)
    available = _best(columns, "available", taken, lambda c: c.is_flag)
    if available:
        taken.append(available)
        words = ", ".join(f"{value} {rows:,}" for value, rows in columns[available].counts.items())
        proposal.add("items.available_column", available, "likely", words)
    launch = _best(columns, "launch", taken, lambda c: c.reading(now) is not None)
    if launch:
        taken.append(launch)
        _add_launch(proposal, roles, roles.items, columns[launch], now)
    elif launch := _best(columns, "launch", taken, lambda c: _is_half_dated(c, now)):
        taken.append(launch)
        seconds = columns[launch].seconds(columns[launch].reading(now, 0.5) or Reading(), now)
        odd = columns[launch].text.filter(pa.array(seconds < 0)).drop_null()
        proposal.left_out.append(
            f"items, {launch}: it is called a launch, and {odd[0].as_py()[:40]!r} is no date from"
            " 1990 on; deliver dates alone, and name it in items.available_from_column"
        )
    taken += add_end(proposal, roles, roles.items, taken, now)
    found = list(attributes_of(columns, taken, vectors=True))
    kinds = {e.column: e.declared for e in found if e.declared is not None}
    category = _best(
        columns, "category", taken, lambda c: kinds.get(c.name, {}).get("kind") == "categorical"
    )
    if category:
        words = f"{columns[category].distinct:,} values"
        proposal.add("items.category", kinds[category]["name"], "likely", words)
    _attributes(proposal, "items", found)


def _is_half_dated(column: Column, now: datetime) -> bool:
    """Whether a column holds dates and other things beside them."""
    return column.reading(now, 0.5) is not None


def _longest(columns: Mapping[str, Column], taken: Sequence[str]) -> str | None:
    """The text of most words that nearly every item has of its own."""
    found = [
        (column.words, -place, name)
        for place, (name, column) in enumerate(columns.items())
        if name not in taken and column.words >= _TITLE_WORDS and column.separator is None
        if column.distinct > 0.5 * len(column.delivered) and not column.is_numeric
    ]
    return max(found)[2] if found else None


def _best(
    columns: Mapping[str, Column],
    role: str,
    taken: Sequence[str],
    fitting: Callable[[Column], bool],
) -> str | None:
    named = [
        (fits(name, role), -place, name)
        for place, (name, column) in enumerate(columns.items())
        if name not in taken and fits(name, role) and fitting(column)
    ]
    return max(named)[2] if named else None


def _add_launch(
    proposal: Proposal, roles: Roles, entities: Entities, launch: Column, now: datetime
) -> None:
    """Propose a launch column, unless items had events before it: then it is another date."""
    reading = launch.reading(now)
    if reading is None:
        return
    launched = pd.Series(
        launch.seconds(reading, now),
        index=entities.columns[entities.id_column].text.to_pandas(),
    )
    launched = launched[~launched.index.duplicated()]
    items = roles.columns[roles.item].text.to_pandas()
    begin = items.map(launched).fillna(-1).to_numpy()
    seconds = roles.columns[roles.time].seconds(roles.reading, now)
    early = float(np.mean((seconds >= 0) & (begin > seconds)))
    if early > _EARLY:
        words = f"items, {launch.name}: {early:.1%} of the events are earlier: no launch date"
        proposal.left_out.append(words)
        return
    proposal.add("items.available_from_column", launch.name, "likely", "no item is seen before it")
    if reading.unit != "seconds" and not pa.types.is_temporal(launch.delivered.type):
        proposal.add("items.available_from_unit", reading.unit, "sure", "by its values")
    add_form(proposal, "items.available_from_format", launch, reading)
