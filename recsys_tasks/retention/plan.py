"""What the lake keeps, and why: a plan as a value, made first and applied after.

Kept: what readers see and the champion need, the previous champion and the anchor, every tower
version that a gate to come can ask for, a number of nights whole, and the raw record for ever.

Nights are counted as they ran, not by the calendar: after a month without one, and on a simulated
shop whatever today's date is, the last thirty nights are still there.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

from recsys_tasks.clock import parse_day
from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import Lake

# The record itself, small or not to be made again: the newest version of every key stays.
_FOR_EVER = frozenset({"ids", "erased", "raw_events", "events", "decision"})
# Kinds whose key ends with the night, or the history cutoff, that they are of.
_BY_NIGHT = frozenset(
    {
        "raw_users",
        "raw_items",
        "extract",
        "snapshot",
        "validation",
        "index",
        "features",
        "generators",
        "examples",
        "report",
        "plan",
    }
)
# Of these a night to come asks for those at its gate's cutoffs.
_LOOKED_BACK_AT = frozenset({"snapshot", "features", "generators", "embeddings"})
RULED = _FOR_EVER | _BY_NIGHT | {"lists", "release", "embeddings", "tower"}
"""Every kind that has a rule; another one is kept, and says so."""


@dataclass(frozen=True)
class Stored:
    """A finished artifact of the lake; `bytes` of its files."""

    kind: str
    key: str
    version: str
    bytes: int = 0

    @property
    def reference(self) -> str:
        """`kind/key/version`, as `Lake.get` reads it."""
        return f"{self.kind}/{self.key}/{self.version}"


@dataclass(frozen=True)
class InUse:
    """What must stay; each mapping's value says why, in words.

    `as_of` is the newest night, `ran` every night that the lake knows; of these the newest `nights`
    up to `as_of` stay whole, with any after it. `gate_days` is how far the gate looks back: label
    windows and the gate window together, (windows + 1) · W days, also while the history is too
    short for all windows. `publications` are tokens (the part of a lists key before the shard);
    `references` single artifacts, e.g. those a live publication or a kept snapshot was made of;
    `busy` nights that were at work of late.
    """

    as_of: date
    nights: int
    ran: frozenset[date] = frozenset()
    busy: frozenset[date] = frozenset()
    gate_days: int = 0
    releases: Mapping[str, str] = field(default_factory=dict)
    lineages: Mapping[str, str] = field(default_factory=dict)
    publications: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def oldest_night(self) -> date:
        """The oldest night that stays whole."""
        ran = sorted(night for night in self.ran | {self.as_of} if night <= self.as_of)
        return ran[-self.nights :][0]

    def shown_then(self, day: date) -> bool:
        """Whether a publication of that night is kept."""
        return any(token.startswith(f"{day}-") for token in self.publications)


@dataclass(frozen=True)
class Choice:
    """One artifact and why it stays or goes."""

    artifact: Stored
    why: str


@dataclass(frozen=True)
class RetentionPlan:
    """Every artifact of the lake, once: kept or to be removed."""

    keep: tuple[Choice, ...]
    remove: tuple[Choice, ...]

    @property
    def bytes_to_free(self) -> int:
        """Bytes of the files to be removed."""
        return sum(choice.artifact.bytes for choice in self.remove)


def stored(lake: Lake) -> list[Stored]:
    """Every finished artifact of a lake."""
    kinds = (
        sorted(child.name for child in lake.root.iterdir() if child.is_dir())
        if lake.root.exists()
        else []
    )
    found = [
        artifact
        for kind in kinds
        for key in lake.keys(kind)
        for artifact in lake.versions(kind, key)
    ]
    return [
        Stored(a.kind, a.key, a.version, sum(int(f["bytes"]) for f in a.manifest["files"].values()))
        for a in found
    ]


def nights_of(lake: Lake) -> frozenset[date]:
    """Every night that the lake knows of: those that read the shop's tables."""
    return frozenset(day for key in lake.keys("extract") if (day := _day(key)) is not None)


def snapshot_parts(lake: Lake, in_use: InUse) -> dict[str, str]:
    """Day artifacts of the snapshots that stay, for `InUse.references`: a late row may have
    replaced some since.
    """
    parts: dict[str, str] = {}
    for key in lake.keys("snapshot"):
        if _by_night("snapshot", key, in_use):
            listed = json.loads(lake.require("snapshot", key).file("parts.json").read_text())
            parts |= dict.fromkeys(listed.values(), f"part of the snapshot of {key}")
    return parts


def plan_retention(artifacts: Iterable[Stored], in_use: InUse) -> RetentionPlan:
    """Decide for every artifact. A kind that this module does not know is kept.

    Of several versions of a key only the newest can stay for a reason other than `references`.
    """
    by_key: dict[tuple[str, str], list[Stored]] = defaultdict(list)
    for artifact in artifacts:
        by_key[artifact.kind, artifact.key].append(artifact)
    oldest = _oldest_towers(by_key, in_use)
    keep, remove = [], []
    for (kind, key), versions in sorted(by_key.items()):
        *older, newest = sorted(versions, key=lambda a: a.version)
        for artifact, why in [
            *((a, None) for a in older),
            (newest, _why_keep(kind, key, in_use, oldest)),
        ]:
            why = in_use.references.get(artifact.reference, why)
            if why is not None:
                keep.append(Choice(artifact, why))
            else:
                remove.append(
                    Choice(
                        artifact,
                        "a newer version replaced it" if artifact in older else "nothing needs it",
                    )
                )
    return RetentionPlan(tuple(keep), tuple(remove))


def apply(lake: Lake, plan: RetentionPlan) -> list[str]:
    """Remove what the plan says, and name it; what is gone already is passed over."""
    removed = []
    for choice in plan.remove:
        try:
            lake.remove(lake.get(choice.artifact.reference))
        except ArtifactError:
            continue  # another run removed it
        removed.append(choice.artifact.reference)
    return removed


# --- why something stays -----------------------------------------------------------------------


def _why_keep(kind: str, key: str, in_use: InUse, oldest_towers: Mapping[str, date]) -> str | None:
    if kind in _FOR_EVER:
        return "the record is kept"
    if kind in _BY_NIGHT:
        return _by_night(kind, key.split("_")[-1], in_use)
    if kind == "lists":
        return in_use.publications.get(key.split(".")[0])
    if kind == "release":
        return in_use.releases.get(key) or _recent_release(key, in_use)
    if kind == "embeddings":
        return (
            _by_night(kind, key.split("@")[-1], in_use)
            if key.split(".")[0] in in_use.lineages
            else None
        )
    if kind == "tower":
        return _tower(key, in_use, oldest_towers)
    return "unknown to the retention rules"


def _by_night(kind: str, night: str, in_use: InUse) -> str | None:
    """Of snapshots nothing else knows what was on offer at a gate's cutoffs; the others would be
    made anew.
    """
    day = _day(night)
    if day is None:
        return "its name has no date"
    if day >= in_use.oldest_night:
        return f"one of the last {in_use.nights} nights"
    if day in in_use.busy:
        return "its night was at work in the last days"
    if kind in _LOOKED_BACK_AT and day >= in_use.as_of - timedelta(days=in_use.gate_days):
        return f"a gate looks back {in_use.gate_days} days"
    return (
        "a publication of its night is kept" if kind == "plan" and in_use.shown_then(day) else None
    )


def _recent_release(key: str, in_use: InUse) -> str | None:
    made = _day(key[1:9])  # r20260310-ab12cd
    recent = made is None or made >= in_use.oldest_night or made in in_use.busy
    return f"a challenger of the last {in_use.nights} nights" if recent else None


def _tower(key: str, in_use: InUse, oldest: Mapping[str, date]) -> str | None:
    lineage, learned_before = key.rsplit(".", 1)
    why = in_use.lineages.get(lineage)
    if why is None:
        return None
    learned = parse_day(learned_before)
    if learned < oldest[lineage]:
        return None
    return f"{why}; a gate from tomorrow on can ask for the tower as of {learned_before}"


def _oldest_towers(by_key: Iterable[tuple[str, str]], in_use: InUse) -> dict[str, date]:
    """Lineage → oldest version to keep: the newest at or before the oldest cutoff of the next
    night's gate.

    Every later version becomes, on some later night, the one at a cutoff: the cutoffs move forward
    with the nights, so a gap made now would make a later gate train it again, or judge with an
    older one.
    """
    learned: dict[str, list[date]] = defaultdict(list)
    for kind, key in by_key:
        if kind == "tower":
            lineage, learned_before = key.rsplit(".", 1)
            learned[lineage].append(parse_day(learned_before))
    first_needed = in_use.as_of + timedelta(days=1 - in_use.gate_days)
    return {
        lineage: max((d for d in days if d <= first_needed), default=min(days))
        for lineage, days in learned.items()
    }


def _day(text: str) -> date | None:
    try:
        return parse_day(text)
    except ValueError:
        return None
