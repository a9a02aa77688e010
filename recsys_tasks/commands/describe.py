"""The settings in words: what will run."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

from recsys_tasks.config import Attribute, Config, Environment, NegativeKind
from recsys_tasks.config.plugins import installed_plugins
from recsys_tasks.errors import ConfigError, offenders
from recsys_tasks.extensions import ExtensionPoint
from recsys_tasks.schema import generator_names
from recsys_tasks.snapshot.checks.own_suites import own_suites
from recsys_tasks.sources.base import source_of
from recsys_tasks.stages.time_limit import check_names


def describe_data(config: Config) -> Iterator[tuple[bool, str]]:
    """What the source finds where its rows are: whether it is well, and a line on it."""
    for passed, words in source_of(config).examine(config, config.source):
        yield passed, f"{'data' if passed else 'data: FAIL':<12} {words}"


def describe(config: Config, environment: Environment) -> Iterator[str]:
    """Lines that say what a night will do under these settings. Raises ConfigError for a suite of
    the shop's own that cannot be run, and for a channel of `alerts.least_severity` or a kind of
    `alerts.digest` or a stage of `schedule.limit_minutes` that is none.
    """
    check_names(config.schedule)
    _refuse_unknown_channels(config)
    _refuse_unknown_kinds(config)
    yield f"project      {config.project} (clock: {config.clock})"
    yield f"home, lake   {environment.home}, {environment.lake}"
    yield (
        "database    "
        f" {'RECSYS_DATABASE_URL' if environment.database_url else 'embedded PostgreSQL'}"
    )
    yield f"source       {source_of(config).describe(config.source)}"
    yield f"events       {_events(config)}"
    for name, table in (("users", config.users), ("items", config.items)):
        attributes = ", ".join(f"{a.name} ({_kind(a)})" for a in table.attributes)
        yield f"{name:<12} {attributes or 'no attributes'}"
    yield from _own_suites(config)
    goals = ", ".join(
        f"{o.name} = {' or '.join(o.events)} (weight {o.weight:g})" for o in config.objectives
    )
    yield f"objectives   {goals}; within {config.label_window_days} days"
    repeats = config.repeat_consumption
    yield (
        "repeats     "
        f" {repeats if isinstance(repeats, str) else f'after {repeats.after_days} days'}"
    )
    active = f"≥ {config.activity.min_events} events in {config.activity.within_days} days"
    yield f"active       {active}; others get fallback lists"
    quotas = {name: config.generators.quota(name) for name in generator_names()}
    asked = ", ".join(f"{n} {q}" for n, q in quotas.items() if q)
    yield f"candidates   {asked}; at most {config.generators.max_candidates}"
    schedule, tower, ranker = config.schedule, config.two_tower, config.ranker
    every = f"every {schedule.train_two_tower_every_days} night(s)"
    size = f"{tower.members} × {tower.dimensions // tower.members} dimensions"
    yield f"two-tower    {size}, last {tower.history_length} events, {every}"
    every = f"every {schedule.train_ranker_every_days} night(s)"
    yield f"ranker       {ranker.mode}, {ranker.windows} label windows, {every}"
    if config.rerank.rules:
        from recsys_tasks.ranking.lists.rules import own_rules

        yield f"rules        {', '.join(rule.name for rule, _ in own_rules(config))}"
    yield (
        f"lists        {config.serving.k} items and {config.serving.spares} spares in"
        f" {config.serving.shards} shards"
    )
    yield f"schedule     {_schedule(config)}"
    if plugins := installed_plugins():
        load_plugins()
        yield f"plug-ins     {', '.join(map(_plugin, plugins))}"


def _events(config: Config) -> str:
    kinds = ", ".join(f"{kind.name} ×{kind.weight:g}" for kind in config.events.kinds)
    return "; ".join(
        [kinds, *map(_negative, config.events.negatives), *_status(config), *_rating(config)]
    )


def _status(config: Config) -> Iterator[str]:
    if (status := config.events.status) is not None:
        words = [f"{', '.join(status.counts)} count"]
        words += [f"{', '.join(status.left_out)} left out"] if status.left_out else []
        words += [f"{one.value} is {one.event}" for one in status.as_events]
        yield f"by {status.column}: {'; '.join(words)}"


def _rating(config: Config) -> Iterator[str]:
    if (rating := config.events.rating) is not None:
        levels = ", ".join(f"{one.event} from {one.at_least:g}" for one in rating.levels)
        yield f"by {rating.column}: {levels}; below that left out"


def _negative(kind: NegativeKind) -> str:
    """`negative: return (takes back units, banned for 30 days)`."""
    ban = {None: "banned for good", 0: "not banned"}.get(
        kind.for_days, f"banned for {kind.for_days} days"
    )
    return f"negative: {kind.name} (takes back {kind.takes_back}, {ban})"


def _schedule(config: Config) -> str:
    schedule, nights = config.schedule, config.schedule.nights
    dated = "its day"
    if nights.is_before_cutoff:
        dated = "the day before, as it can start before 00:00 UTC of its own"
    return (
        f"nightly {schedule.nightly!r}, freshness {schedule.watch_freshness!r}"
        f" ({schedule.timezone}); a night has the date of {dated}"
    )


def _refuse_unknown_channels(config: Config) -> None:
    """A misspelt name would leave its channel with every alert."""
    from recsys_tasks.monitoring.alerts.channels import CHANNELS

    known = sorted(channel.name for channel in CHANNELS)
    if unknown := sorted(set(config.alerts.least_severity) - set(known)):
        raise ConfigError(
            expected=f"channels: {', '.join(known)}",
            found=offenders(unknown),
            where="alerts.least_severity",
            remedy="correct the name, or install the package that has the channel",
        )


def _refuse_unknown_kinds(config: Config) -> None:
    """A misspelt kind would go on being told at once."""
    from recsys_tasks.monitoring.alarms import ALARMS, SEVERITIES

    known = {*SEVERITIES, *(name for kind in ALARMS for name in (kind.name, *kind.also))}
    if unknown := sorted(set(config.alerts.digest) - known):
        raise ConfigError(
            expected=f"severities or kinds of alert: {', '.join(sorted(known))}",
            found=offenders(unknown),
            where="alerts.digest",
            remedy="correct the name, or install the package that has the kind",
        )


def _own_suites(config: Config) -> Iterator[str]:
    if suites := own_suites(config):
        counts = ", ".join(f"{one.path.name} ({len(one.expectations)})" for one in suites)
        yield f"own suites   {counts}"


def load_plugins() -> None:
    """Load every installed part, also those that these settings do not ask for.

    Raises ConfigError for one that a night could not load, and for a kind of artifact whose code
    cannot be found.
    """
    from recsys_tasks.config.generators import GENERATORS
    from recsys_tasks.config.source import SOURCES
    from recsys_tasks.features.catalogue import FEATURES
    from recsys_tasks.gate.rules import GATE_RULES
    from recsys_tasks.lake.kinds import catalogue, code_of
    from recsys_tasks.monitoring.alarms import ALARMS
    from recsys_tasks.monitoring.alerts.channels import CHANNELS
    from recsys_tasks.ranking.columns import COLUMN_GROUPS
    from recsys_tasks.ranking.lists.rules import RERANK_RULES

    points: tuple[ExtensionPoint[Any], ...] = (
        SOURCES,
        GENERATORS,
        FEATURES,
        COLUMN_GROUPS,
        RERANK_RULES,
        ALARMS,
        CHANNELS,
        GATE_RULES,
    )
    for point in points:
        point.names()
    for kind in catalogue().values():
        try:
            code_of(kind)
        except ModuleNotFoundError as error:
            raise ConfigError(
                expected="the sources of every installed part and of what it imports",
                found=str(error),
                where=f"what makes the kind of artifact {kind.name!r}",
                remedy="give each folder of the package an __init__.py, or uninstall the package",
            ) from error


def _plugin(point: EntryPoint) -> str:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else point.module
    return f"{point.name} of {package} ({point.group.partition('.')[2]})"


def _kind(attribute: Attribute) -> str:
    return f"{attribute.kind} of {attribute.dimensions}" if attribute.dimensions else attribute.kind
