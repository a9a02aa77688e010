"""Settings that must agree with each other, each mistake with what to write instead.

Each function compares some sections and returns one line for each mistake; `Config` gathers them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from recsys_tasks.config import cron
from recsys_tasks.config.gate import GateConfig
from recsys_tasks.config.impressions import Impressions
from recsys_tasks.config.negative_agreement import negative_mistakes
from recsys_tasks.config.operations import MonitoringConfig, ScheduleConfig
from recsys_tasks.config.ranking import ItemRule, RerankConfig
from recsys_tasks.config.rating_agreement import rating_mistakes
from recsys_tasks.config.serving import ServingConfig
from recsys_tasks.config.shop import (
    Attribute,
    EventsTable,
    ItemsTable,
    Objective,
    UsersTable,
)
from recsys_tasks.config.source import SourceSettings
from recsys_tasks.config.statuses import status_mistakes

_RESERVED = {
    "users": ("user_id", "user_key"),
    "items": (
        "item_id",
        "item_key",
        "available",
        "available_from",
        "available_until",
        "available_until_fault",
        "available_fault",
        "available_from_fault",
    ),
}
"""Columns that every snapshot has of its own."""


def attribute_mistakes(users: UsersTable, items: ItemsTable) -> list[str]:
    """Attributes that are declared twice, or under a name or of a kind that cannot be."""
    tables = {"users": users.attributes, "items": items.attributes}
    mistakes = [
        f"{table}.attributes: {name!r} is declared twice"
        for table, attributes in tables.items()
        for name in _twice(attribute.name for attribute in attributes)
    ]
    mistakes += _vector_mistakes(users, items)
    return mistakes + _reserved_mistakes(tables)


def event_mistakes(events: EventsTable, source: SourceSettings) -> list[str]:
    """Kinds of event that are declared twice, and impressions that cannot be told from actions."""
    mistakes: list[str] = []
    kinds = [kind.name for kind in events.kinds]
    if len(set(kinds)) < len(kinds):
        mistakes.append("events.kinds: a name is declared twice")
    if events.impressions and events.impressions.event in kinds:
        mistakes.append(
            f"events.impressions: {events.impressions.event!r} is one of events.kinds: name it once"
        )
    if events.impressions is None and source.of_impressions is not None:
        mistakes.append(
            "source.impressions: say what its columns are called, e.g. events: {impressions: "
            "{position_column: position}}, or events: {impressions: {}} where they are called as in"
            " the interactions"
        )
    if events.impressions and source.of_impressions is None:
        mistakes += _impressions_among_events(events, events.impressions)
    return mistakes + negative_mistakes(events) + rating_mistakes(events) + status_mistakes(events)


def _impressions_among_events(events: EventsTable, impressions: Impressions) -> list[str]:
    mistakes = []
    if events.event_column is None:
        mistakes.append(
            "events.impressions: needs events.event_column to tell impressions from interactions,"
            " or a table of their own in source.impressions"
        )
    own = ("user_column", "item_column", "timestamp_column", "time_of_day_column", "timestamp_unit")
    if given := [name for name in own if getattr(impressions, name) is not None]:
        mistakes.append(
            f"events.impressions: {', '.join(given)} is of a table of their own, which"
            " source.impressions does not name"
        )
    return mistakes


def items_mistakes(source: SourceSettings, items: ItemsTable) -> list[str]:
    """Columns of an items table where there is none."""
    if source.has_items_table:
        return []
    given = [name for name in ItemsTable.model_fields if name != "id_column"]
    return [
        f"items.{name}: source.items names no table that has it: name one, or leave this out"
        for name in given
        if getattr(items, name) != ItemsTable.model_fields[name].default
    ]


def objective_mistakes(
    objectives: Sequence[Objective], items: ItemsTable, events: EventsTable
) -> list[str]:
    """Objectives that are declared twice or need an event or a column that is not declared."""
    kinds = [kind.name for kind in events.kinds]
    mistakes = [
        f"objectives: {name!r} is declared twice"
        for name in _twice(objective.name for objective in objectives)
    ]
    for objective in objectives:
        mistakes += [
            f"objectives.{objective.name}: event {event!r} is not one of events.kinds {kinds}"
            for event in objective.events
            if event not in kinds
        ]
        mistakes += [
            f"objectives.{objective.name}.watch: {words}"
            for words in _watch_mistakes(objective, items, events)
        ]
    return mistakes


def bought_mistakes(serving: ServingConfig, events: EventsTable) -> list[str]:
    """Kinds of event by which users buy that are not declared."""
    kinds = [kind.name for kind in events.kinds]
    return [
        f"serving.bought_by: event {event!r} is not one of events.kinds {kinds}"
        for event in serving.bought_by or ()
        if event not in kinds
    ]


def segment_mistakes(users: UsersTable) -> list[str]:
    """A segment that is not a declared categorical attribute."""
    categorical = {a.name for a in users.attributes if a.kind == "categorical"}
    if users.segment_by and users.segment_by not in categorical:
        return [f"users.segment_by: {users.segment_by!r} is not a declared categorical attribute"]
    return []


def rerank_mistakes(rerank: RerankConfig, items: ItemsTable) -> list[str]:
    """Rules and a diversity that need an item attribute which is not declared, or of another kind;
    then a category that is not a declared categorical attribute, a price that is not a numeric one.
    """
    kinds = {a.name: a.kind for a in items.attributes}
    mistakes = [
        f"rerank.item_rules.{number}: {words}"
        for number, rule in enumerate(rerank.item_rules)
        for words in _rule_mistakes(rule, kinds)
    ]
    if rerank.diversity and rerank.diversity_by == "content" and not items.value_attributes:
        mistakes.append("rerank.diversity_by: content needs items.attributes other than vectors")
    if items.category and kinds.get(items.category) != "categorical":
        mistakes.append(
            f"items.category: {items.category!r} is not a declared categorical attribute"
        )
    if items.price and kinds.get(items.price) != "numeric":
        mistakes.append(f"items.price: {items.price!r} is not a declared numeric attribute")
    return mistakes


def approval_mistakes(gate: GateConfig, schedule: ScheduleConfig) -> list[str]:
    """A run that waits for its approval holds the next night's train_ranker back: one run at a
    time.
    """
    if not gate.approval:
        return []
    gap = cron.shortest_gap(schedule.nightly, schedule.timezone)
    hours = gap.total_seconds() / 3600
    if gate.approval_hours < hours:
        return []
    words = (
        f"{gate.approval_hours} hours hold the next night back, which comes {hours:g} hours after"
        " this one"
    )
    return [f"gate.approval_hours: {words}: give less than {hours:g}"]


def schedule_mistakes(schedule: ScheduleConfig) -> list[str]:
    """Starts before 00:00 UTC of their day that are not one a day, or that clocks skip on one:
    Airflow tells their dates by the start before.
    """
    nights = schedule.nights
    if not nights.is_before_cutoff:
        return []
    words = f"{schedule.nightly!r} in {schedule.timezone} can start before 00:00 UTC of its day"
    if not cron.is_daily(schedule.nightly):
        words += ", and not once a day: let it start at one time of each day, or later in the day"
    elif (day := nights.skipped) is not None:
        words += f", at a time that does not exist on {day}: let it start an hour earlier or later"
    else:
        return []
    return [f"schedule.nightly: {words}"]


def lateness_mistakes(monitoring: MonitoringConfig, schedule: ScheduleConfig) -> list[str]:
    """Two settings that say when a night is late."""
    if schedule.ready_by is None or monitoring.late_after_hours is None:
        return []
    return [
        f"monitoring.late_after_hours: schedule.ready_by {schedule.ready_by} says when a night is"
        " late: give one of them"
    ]


def _twice(names: Iterable[str]) -> list[str]:
    """Names that occur more than once, sorted."""
    given = list(names)
    return [name for name in sorted(set(given)) if given.count(name) > 1]


def _reserved_mistakes(tables: Mapping[str, Sequence[Attribute]]) -> list[str]:
    own = {
        "available": "name it in items.available_column, if it says whether the item can be had",
        "available_from": "name it in items.available_from_column, if it says since when",
        "available_until": "name it in items.available_until_column, if it says up to when",
    }
    return [
        f"{table}.attributes: {a.name!r} is a column that each table of {table} has of its own: "
        f"{own.get(a.name, 'leave it out')}, or give the attribute another name, e.g. "
        f"{{name: shop_{a.name}, column: {a.delivered_as}, kind: {a.kind}}}"
        for table, attributes in tables.items()
        for a in attributes
        if a.name in _RESERVED[table]
    ]


def _vector_mistakes(users: UsersTable, items: ItemsTable) -> list[str]:
    mistakes = [
        f"users.attributes: {a.name!r} is a vector, which only items may have: leave it out, or"
        " declare another kind"
        for a in users.attributes
        if a.kind == "vector"
    ]
    mistakes += [
        f"items.attributes: 'title' is text that people read, not {a.kind}: give the attribute"
        f" another name, e.g. {{name: shop_title, column: {a.delivered_as}, kind: {a.kind}}}"
        for a in items.attributes
        if a.name == "title" and a.kind in ("vector", "numeric")
    ]
    return mistakes


def _watch_mistakes(objective: Objective, items: ItemsTable, events: EventsTable) -> list[str]:
    if objective.watch is None:
        return []
    numeric = sorted(a.name for a in items.attributes if a.kind == "numeric")
    length, words = objective.watch.length, []
    if length not in numeric:
        words.append(f"length {length!r} is not a declared numeric item attribute {numeric}")
    if events.quantity_column is None:
        words.append("needs events.quantity_column, which says how much was watched")
    return words


def _rule_mistakes(rule: ItemRule, kinds: Mapping[str, str]) -> list[str]:
    kind = kinds.get(rule.attribute)
    if kind is None:
        return [f"{rule.attribute!r} is not a declared item attribute {sorted(kinds)}"]
    if kind == "vector" and (rule.banned or rule.minimum is not None or rule.maximum is not None):
        return [f"{rule.attribute!r} is a vector: it can only be required"]
    if kind == "numeric" and rule.banned:
        return [f"{rule.attribute!r} is numeric: give minimum or maximum, not banned"]
    if kind != "numeric" and (rule.minimum is not None or rule.maximum is not None):
        return [f"{rule.attribute!r} is {kind}: give banned, not minimum or maximum"]
    return []
