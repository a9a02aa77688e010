"""What the lake keeps, and why: a plan as a value, made first and applied after.

Kept: what readers see and the champion need, the previous champion and the anchor, every tower
version that a gate to come can ask for, a number of nights whole, and the raw events for ever.

Nights are counted as they ran, not by the calendar: after a month without one, and on a simulated
shop whatever today's date is, the last thirty nights are still there.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

from recsys_tasks.clock import parse_day
from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import Lake
from recsys_tasks.lake.keys import EmbeddingsKey, Key, ListsKey, Reference, TowerKey
from recsys_tasks.lake.kinds import Retire, catalogue


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
        return str(Reference(self.kind, self.key, self.version))


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
    found = [
        artifact
        for kind in lake.kinds()
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
    rules = _Rules(in_use, {})
    for key in lake.keys("snapshot"):
        if rules.why_keep("snapshot", key):
            listed = json.loads(lake.require("snapshot", key).file("parts.json").read_text())
            parts |= dict.fromkeys(listed.values(), f"part of the snapshot of {key}")
    return parts


def plan_retention(artifacts: Iterable[Stored], in_use: InUse) -> RetentionPlan:
    """Decide for every artifact by the rule of its kind. A kind that is not declared is kept.

    Of several versions of a key only the newest can stay for a reason other than `references`.
    """
    by_key: dict[tuple[str, str], list[Stored]] = defaultdict(list)
    for artifact in artifacts:
        by_key[artifact.kind, artifact.key].append(artifact)
    rules = _Rules(in_use, _oldest_towers(by_key, in_use))
    keep, remove = [], []
    for (kind, key), versions in sorted(by_key.items()):
        *older, newest = sorted(versions, key=lambda a: a.version)
        for artifact, why in [
            *((a, None) for a in older),
            (newest, rules.why_keep(kind, key)),
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


@dataclass(frozen=True)
class _Rules:
    """What must stay, and the oldest version of each lineage that a gate to come asks for."""

    in_use: InUse
    oldest_towers: Mapping[str, date]

    def why_keep(self, kind: str, key: str) -> str | None:
        """Why the newest version of a key stays, in words; None when nothing needs it."""
        known = catalogue().get(kind)
        if known is None:
            return "unknown to the retention rules"
        try:
            parsed = known.key.parse(key)
        except ValueError:
            parsed = None
        return _RULES[known.retire](self, key, parsed)

    def never(self, key: str, parsed: Key | None) -> str | None:
        return "the record is kept"

    def night(self, key: str, parsed: Key | None) -> str | None:
        """Nights are whole: all that is of one stays with it."""
        day = parsed.night if parsed else None
        if day is None:
            return "its name has no date"
        if day >= self.in_use.oldest_night:
            return f"one of the last {self.in_use.nights} nights"
        return "its night was at work of late" if day in self.in_use.busy else None

    def night_or_gate(self, key: str, parsed: Key | None) -> str | None:
        """Of snapshots nothing else knows what was on offer at a gate's cutoffs; the others would
        be made anew.
        """
        first = self.in_use.as_of - timedelta(days=self.in_use.gate_days)
        looked_at = parsed is not None and parsed.night is not None and parsed.night >= first
        why = f"a gate looks back {self.in_use.gate_days} days" if looked_at else None
        return self.night(key, parsed) or why

    def night_or_publication(self, key: str, parsed: Key | None) -> str | None:
        shown = parsed and parsed.night and self.in_use.shown_then(parsed.night)
        return self.night(key, parsed) or ("a publication of its night is kept" if shown else None)

    def publication(self, key: str, parsed: Key | None) -> str | None:
        token = parsed.token if isinstance(parsed, ListsKey) else ""
        return self.in_use.publications.get(token)

    def release(self, key: str, parsed: Key | None) -> str | None:
        named = self.in_use.releases.get(key)
        if named is not None or (parsed is not None and self.night(key, parsed) is None):
            return named
        return f"a challenger of the last {self.in_use.nights} nights"

    def lineage(self, key: str, parsed: Key | None) -> str | None:
        known = isinstance(parsed, EmbeddingsKey) and parsed.tower.lineage in self.in_use.lineages
        return self.night_or_gate(key, parsed) if known else None

    def chain(self, key: str, parsed: Key | None) -> str | None:
        """Every version of a lineage in use from the oldest cutoff of the next gate on."""
        if not isinstance(parsed, TowerKey):
            return "its name has no date"
        why = self.in_use.lineages.get(parsed.lineage)
        if why is None or parsed.learned_before < self.oldest_towers[parsed.lineage]:
            return None
        return f"{why}; a gate from tomorrow on can ask for the tower as of {parsed.learned_before}"


_RULES: Mapping[Retire, Callable[[_Rules, str, Key | None], str | None]] = {
    Retire.NEVER: _Rules.never,
    Retire.NIGHT: _Rules.night,
    Retire.NIGHT_OR_GATE: _Rules.night_or_gate,
    Retire.NIGHT_OR_PUBLICATION: _Rules.night_or_publication,
    Retire.PUBLICATION: _Rules.publication,
    Retire.RELEASE: _Rules.release,
    Retire.LINEAGE: _Rules.lineage,
    Retire.CHAIN: _Rules.chain,
}


def _oldest_towers(by_key: Iterable[tuple[str, str]], in_use: InUse) -> dict[str, date]:
    """Lineage → oldest version to keep: the newest at or before the oldest cutoff of the next
    night's gate.

    Every later version becomes, on some later night, the one at a cutoff: the cutoffs move forward
    with the nights, so a gap made now would make a later gate train it again, or judge with an
    older one.
    """
    learned: dict[str, list[date]] = defaultdict(list)
    for kind, key in by_key:
        known = catalogue().get(kind)
        if known is not None and known.retire is Retire.CHAIN:
            with suppress(ValueError):
                version = TowerKey.parse(key)
                learned[version.lineage].append(version.learned_before)
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
