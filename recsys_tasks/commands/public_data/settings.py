"""The settings file of an imported data set: what was assumed stands in its comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from recsys_tasks.commands.init import Proposal
from recsys_tasks.commands.init.behaviour import Behaviour
from recsys_tasks.commands.init.goals import add_checks, add_windows
from recsys_tasks.commands.public_data.data_set import DataSet, Entities
from recsys_tasks.commands.public_data.tables import Made


def settings_of(data_set: DataSet, made: Made, facts: Behaviour) -> Proposal:
    """Every setting, with its words; paths are relative to the file."""
    days = facts.days
    proposal = Proposal(first_night=(days.last + timedelta(days=1)).isoformat())
    proposal.add("project", data_set.name, "sure", f"{data_set.title}, {data_set.page}")
    span = f"whole days of events from {days.first} to {days.last}"
    proposal.add("clock", "simulated", "sure", f"{span}: data of the past")
    words = f"{made.rows:,} rows, by time"
    proposal.add("source.kind", "files", "sure", "the tables beside this file")
    proposal.add("source.events", "interactions.parquet", "sure", words)
    for table, entities in made.entities.items():
        proposal.add(f"source.{table}", f"{table}.parquet", "sure", f"rows: {entities.words}")
    _add_entities(proposal, data_set, made)
    kinds = [{"name": kind, "weight": weight} for kind, weight in data_set.kinds.items()]
    proposal.add("events.kinds", kinds, "assumed", data_set.assumed["events.kinds"])
    for key, value in data_set.settings.items():
        proposal.add(key, value, "assumed", data_set.assumed[key])
    goals = [dict(goal) for goal in data_set.objectives]
    proposal.add("objectives", goals, "assumed", data_set.assumed["objectives"])
    again = f"{facts.repeats:.2%} of user-item pairs come back on another day"
    words = f"{data_set.assumed['repeat_consumption']}; {again}"
    proposal.add("repeat_consumption", data_set.repeats, "assumed", words)
    add_windows(proposal, facts)
    add_checks(proposal, facts, {})
    return proposal


def head_of(data_set: DataSet) -> tuple[str, str]:
    """The paragraphs at the top of the file."""
    return (
        f"Written by `recsys import` for {data_set.title}. A comment says what each setting was"
        " taken from, and what was assumed of the data set: change what you decide otherwise."
        " Every field: docs/reference/configuration.md; `recsys config check` shows what will"
        " run.",
        f"The data set has terms of use of its own: {data_set.page}",
    )


def _add_entities(proposal: Proposal, data_set: DataSet, made: Made) -> None:
    if data_set.users is not None:
        _add_table(proposal, "users", "segment_by", data_set, data_set.users, made)
    items = data_set.items
    if items.title in made.entities["items"].filled:
        proposal.add("items.title_column", items.title, "sure", "shown to people")
    _add_table(proposal, "items", "category", data_set, items, made)


def _add_table(
    proposal: Proposal, table: str, group: str, data_set: DataSet, known: Entities, made: Made
) -> None:
    filled = made.entities[table].filled
    declared = list(_filled(known, filled))
    words = data_set.assumed.get(f"{table}.attributes", "columns of the data set")
    if known.group in filled:
        proposal.add(f"{table}.{group}", known.group, "assumed", "few values, known of most")
    if declared:
        proposal.add(f"{table}.attributes", declared, "assumed", words)


def _filled(known: Entities, filled: Any) -> Iterator[Mapping[str, Any]]:
    """Attributes of which the table has at least two different values."""
    return (declared for declared in known.attributes if declared["name"] in filled)
