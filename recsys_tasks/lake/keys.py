"""Keys of artifacts, and the names in them: what each part of the text says, written and read in
one place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol, Self

from recsys_tasks.clock import parse_day

_DAY_LETTERS = len("2026-03-10")
_TOKEN_DIGITS = 16


class Reference(NamedTuple):
    """One artifact, as manifests, tables and XComs name it: `kind/key/version`."""

    kind: str
    key: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Raises ValueError when it has not three parts."""
        kind, key, version = text.split("/")
        return cls(kind, key, version)

    def __str__(self) -> str:
        return "/".join(self)


class Key(Protocol):
    """A key by its parts; `str` of it is the key in the lake."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Inverse of `str`. Raises ValueError on another form."""
        ...

    @property
    def night(self) -> date | None:
        """The night, or the history cutoff, that the artifact is of; None when it is of none."""
        ...


@dataclass(frozen=True)
class NameKey:
    """One word: `users`."""

    name: str

    @classmethod
    def parse(cls, text: str) -> NameKey:
        """The key of a name; every text is a valid one."""
        return cls(text)

    @property
    def night(self) -> date | None:
        """None: a name belongs to no night."""
        return None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class NightKey:
    """A night or a day: `2026-03-10`."""

    night: date

    @classmethod
    def parse(cls, text: str) -> NightKey:
        """Raises ValueError when it is no date."""
        return cls(parse_day(text))

    def __str__(self) -> str:
        return self.night.isoformat()


@dataclass(frozen=True)
class CutoffsKey:
    """Two cutoffs, as `clock.Cutoffs` are written: `2026-03-09_2026-03-10`."""

    learned_before: date
    history_before: date

    @classmethod
    def parse(cls, text: str) -> CutoffsKey:
        """Raises ValueError when these are no two dates."""
        learned, history = text.split("_")
        return cls(parse_day(learned), parse_day(history))

    @property
    def night(self) -> date:
        """The night that the key belongs to: its history cutoff."""
        return self.history_before

    def __str__(self) -> str:
        return f"{self.learned_before}_{self.history_before}"


@dataclass(frozen=True)
class LineageName:
    """A tower lineage: `0123abcd-20260310`, the hash of its settings and the day of its cold
    training.
    """

    settings: str
    begun: date

    @classmethod
    def parse(cls, text: str) -> LineageName:
        """Raises ValueError when it does not end with a date."""
        settings, day = text.rsplit("-", 1)
        return cls(settings, parse_day(day))

    @staticmethod
    def prefix(settings: str) -> str:
        """What the names of all lineages of these settings begin with."""
        return f"{settings}-"

    def __str__(self) -> str:
        return f"{self.prefix(self.settings)}{self.begun:%Y%m%d}"


@dataclass(frozen=True)
class TowerKey:
    """A version of a tower lineage: `<lineage>.2026-03-10`."""

    lineage: str
    learned_before: date

    @classmethod
    def parse(cls, text: str) -> TowerKey:
        """Raises ValueError when it does not end with a date."""
        lineage, day = text.rsplit(".", 1)
        return cls(lineage, parse_day(day))

    @property
    def night(self) -> date:
        """The day up to which it learned."""
        return self.learned_before

    def __str__(self) -> str:
        return f"{self.lineage}.{self.learned_before}"


@dataclass(frozen=True)
class EmbeddingsKey:
    """Vectors of a tower version with histories up to a day: `<lineage>.2026-03-09@2026-03-10`."""

    tower: TowerKey
    history_before: date

    @classmethod
    def parse(cls, text: str) -> EmbeddingsKey:
        """Raises ValueError when it does not end with two dates."""
        tower, history = text.rsplit("@", 1)
        return cls(TowerKey.parse(tower), parse_day(history))

    @property
    def night(self) -> date:
        """The night that the key belongs to: its history cutoff."""
        return self.history_before

    @staticmethod
    def of(tower: str, history_before: date) -> str:
        """The key of a tower version's vectors, by the version's own key."""
        return f"{tower}@{history_before}"

    def __str__(self) -> str:
        return self.of(str(self.tower), self.history_before)


@dataclass(frozen=True)
class ReleaseKey:
    """A release: `r20260310-ab12cd`, the night it was trained on and digits of its fingerprint."""

    night: date
    digits: str

    @classmethod
    def parse(cls, text: str) -> ReleaseKey:
        """Raises ValueError when it does not begin with r and a date."""
        found = re.fullmatch(r"r(\d{8})-(.+)", text)
        if found is None:
            raise ValueError(f"no release: {text!r}")
        return cls(parse_day(found[1]), found[2])

    @staticmethod
    def stem(night: date) -> str:
        """What the names of all releases of a night begin with, up to the hyphen."""
        return f"r{night:%Y%m%d}"

    def __str__(self) -> str:
        return f"{self.stem(self.night)}-{self.digits}"


def publication_token(night: date, fingerprint: str) -> str:
    """What names a publication's shards in the lake: equal inputs find those that are there."""
    return f"{night}-{fingerprint[:_TOKEN_DIGITS]}"


@dataclass(frozen=True)
class ListsKey:
    """One shard of a publication's lists: `2026-03-10-<16 digits>.0`; the token is the part before
    the dot.
    """

    token: str
    shard: int

    @classmethod
    def parse(cls, text: str) -> ListsKey:
        """Raises ValueError when it does not end with a shard's number."""
        token, shard = text.rsplit(".", 1)
        return cls(token, int(shard))

    @property
    def night(self) -> date:
        """The night of the publication. Raises ValueError when the token does not begin with it."""
        return parse_day(self.token[:_DAY_LETTERS])

    def __str__(self) -> str:
        return f"{self.token}.{self.shard}"
