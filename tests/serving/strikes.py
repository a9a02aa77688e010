"""Where a publishing night is killed or refused, one strike a place."""

from __future__ import annotations

from dataclasses import dataclass

from tests.serving import chaos_nights as steps
from tests.serving.chaos_nights import Step


@dataclass(frozen=True)
class Strike:
    """Kill `step` where it waits for another session's lock. {id} is tonight's publication, {old}
    the oldest kept.
    """

    name: str
    step: Step
    locks: tuple[str, ...]
    before: tuple[Step, ...] = ()


def _table(name: str, mode: str = "SHARE") -> tuple[str, ...]:
    return (f"LOCK TABLE recsys.{name} IN {mode} MODE",)


LOADED = (steps.prepare, steps.both_shards)


SEALED = (*LOADED, steps.seal)


SHARDS = (
    Strike(
        "shard: its delete of leftovers",
        steps.first_shard,
        _table("list_rows_{id}"),
        (steps.prepare,),
    ),
    Strike(
        "shard: the publication's row",
        steps.first_shard,
        ("SELECT FROM recsys.publication WHERE id = {id} FOR UPDATE",),
        (steps.prepare,),
    ),
    Strike(
        "second shard: its delete of leftovers",
        steps.both_shards,
        _table("list_rows_{id}"),
        LOADED[:1],
    ),
)


PUBLISHER = (
    Strike("create: the night's lock", steps.prepare, ("SELECT pg_advisory_xact_lock({night})",)),
    Strike("create: the new row", steps.prepare, _table("publication")),
    Strike("load common: users", steps.prepare, _table("users"), (steps.rename,)),
    Strike("load common: items", steps.prepare, _table("items"), (steps.rename,)),
    Strike("load common: availability", steps.prepare, _table("item_availability")),
    Strike("load common: fallbacks", steps.prepare, _table("fallback_rows")),
    Strike("load common: similar items", steps.prepare, _table("similar_rows")),
    Strike("load common: forbidden pairs", steps.prepare, _table("forbidden_rows")),
    Strike(
        "checks: the publication's row",
        steps.seal,
        ("SELECT FROM recsys.publication WHERE id = {id} FOR SHARE",),
        LOADED,
    ),
    Strike("checks: the rows", steps.seal, _table("list_rows_{id}", "ACCESS EXCLUSIVE"), LOADED),
    Strike("checks: the result", steps.seal, _table("publication"), LOADED),
    Strike("seal: attach", steps.seal, _table("list_rows", "SHARE UPDATE EXCLUSIVE"), LOADED),
    Strike("seal: after attach", steps.seal, _table("forbidden_rows"), LOADED),
    Strike("pointer: its lock", steps.show, ("SELECT pg_advisory_xact_lock({pointer})",), SEALED),
    Strike("pointer: the status", steps.show, _table("publication"), SEALED),
    Strike("pointer: the move", steps.show, _table("current_publication"), SEALED),
    Strike("pointer: the record", steps.show, _table("pointer_moves"), SEALED),
    Strike(
        "retention: drop",
        steps.patient_sweep,
        _table("list_rows_{old}", "ACCESS SHARE"),
        (*SEALED, steps.show),
    ),
    Strike(
        "retention: fallbacks",
        steps.patient_sweep,
        _table("fallback_rows"),
        (*SEALED, steps.show),
    ),
)


POSTGRES = (
    PUBLISHER[1],
    PUBLISHER[5],
    SHARDS[0],
    SHARDS[1],
    PUBLISHER[9],
    PUBLISHER[11],
    PUBLISHER[12],
    PUBLISHER[15],
    PUBLISHER[16],
    PUBLISHER[17],
)


AT_RANDOM = 4  # kills of a whole night after a delay, half of them of PostgreSQL
