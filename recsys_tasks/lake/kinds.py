"""Kinds of artifacts, declared as data: what they are, what they hold of a user, how they end.

A kind is declared in the room that it belongs to, in `<room>/kinds.py` (`ids` in `ids.py`), which
imports nothing heavy; some are written by stages. A user's own package declares its kinds by entry
point:

    [project.entry-points."nightshelf.kinds"]
    diary = "my_package.kinds:DIARY"

`catalogue()` is all of them. Writing refuses a kind that is not in it; retention, erasure and the
table of docs/reference/artifacts.md follow from it, so that nothing is kept for ever, or left out
from an erasure, because a list elsewhere was forgotten.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from fnmatch import fnmatch
from pathlib import Path

from recsys_tasks.errors import ArtifactError, ConfigError
from recsys_tasks.extensions import ExtensionPoint
from recsys_tasks.lake.code import hash_of
from recsys_tasks.lake.keys import Key

_OUTSIDE_ROOMS = ("recsys_tasks.ids",)
"""Modules that declare `KINDS` beside what writes them."""


class Holding(Enum):
    """What a file holds of one user, and with that how a user is taken out of it."""

    NOTHING = "nothing of one user"
    ROWS = "rows of users, by user_key or user_id: the user's go"
    ROWS_BESIDE = "as rows, which the artifact's own count of rows leaves out"
    VALUES = "a row a user, by user_key: it stays, and what it says goes"
    MENTIONS = "text that may name users: mentions are replaced"
    KEYS = "[n] user keys: the user's goes"
    OTHER = "what the kind's own eraser knows"


class Retire(Enum):
    """Until when an artifact stays. Of several versions of a key only the newest does."""

    NEVER = "for ever: the record itself, small or not to be made again"
    NIGHT = "the newest `serving.keep_publications` nights"
    NIGHT_OR_GATE = "these nights, and as far as a gate to come looks back"
    NIGHT_OR_PUBLICATION = "these nights, and while a publication of its night is kept"
    PUBLICATION = "while its publication is kept"
    RELEASE = "while the registry names it; a challenger as long as a night"
    LINEAGE = "as long as a night or a gate asks, of a lineage in use"
    CHAIN = "of a lineage in use, from the oldest cutoff of the next gate on"


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of artifact.

    `files` maps patterns of file names to what they hold of a user; tables and texts may be left
    out when they hold nothing. `made_by` are the modules whose code, with all that they import,
    decides what is made: see `lake.code`. `eraser` is `module:function`, for what `files` cannot
    say. Erasures go by `erase_turn`, lowest first.
    """

    name: str
    what: str
    key: type[Key]
    files: Mapping[str, Holding]
    retire: Retire
    made_by: tuple[str, ...]
    eraser: str = ""
    erase_turn: int = 0

    @property
    def is_personal(self) -> bool:
        """Whether any file holds something of one user."""
        return any(holding is not Holding.NOTHING for holding in self.files.values())

    def holding(self, name: str) -> Holding | None:
        """What a file holds of one user, by the first pattern that its name matches; None when it
        is not declared.
        """
        return next((held for like, held in self.files.items() if fnmatch(name, like)), None)


INSTALLED: ExtensionPoint[Kind] = ExtensionPoint(
    "kind of artifact", "nightshelf.kinds", "recsys_tasks.lake", "KIND"
)
"""Kinds of users' packages; ours are declared several in a module, see `catalogue`."""


@functools.cache
def catalogue() -> Mapping[str, Kind]:
    """Every declared kind by name, sorted. Raises ConfigError when two have one name."""
    kinds: dict[str, Kind] = {}
    for kind in [*_built_in(), *INSTALLED]:
        if kinds.setdefault(kind.name, kind) is not kind:
            raise ConfigError(
                expected="one kind of artifact a name",
                found=f"{kind.name!r} twice, made by {kind.made_by} and {kinds[kind.name].made_by}",
                where="entry point group nightshelf.kinds",
                remedy="rename the kind of the installed package, or uninstall it",
            )
    return dict(sorted(kinds.items()))


def declared(kind: Kind | str) -> Kind:
    """The kind of that name. Raises ArtifactError when it is not in the catalogue."""
    name = kind if isinstance(kind, str) else kind.name
    found = catalogue().get(name)
    if found is None:
        raise ArtifactError(
            expected=f"a declared kind of artifact: {', '.join(catalogue())}",
            found=repr(name),
            where="the catalogue of artifact kinds",
            remedy=(
                "declare it in the kinds.py of the room that writes it, or by an entry point of"
                " nightshelf.kinds: how long it is kept, and what it holds of a user"
            ),
        )
    return found


def night_of(kind: str, key: str) -> date | None:
    """The night, or the history cutoff, that an artifact is of; None when it is of none, or the
    kind or the form of its key is unknown.
    """
    known = catalogue().get(kind)
    try:
        return known.key.parse(key).night if known is not None else None
    except ValueError:
        return None


def code_of(kind: Kind | str) -> str:
    """Hash of the code that makes a kind, as its fingerprints and manifests have it."""
    return hash_of(*declared(kind).made_by)


def _built_in() -> Iterator[Kind]:
    root = Path(__file__).parents[1]
    # By file: to look for a module in a package would import the package.
    rooms = [f"{root.name}.{path.parent.name}.kinds" for path in sorted(root.glob("*/kinds.py"))]
    for name in [*rooms, *_OUTSIDE_ROOMS]:
        if name != __name__:
            yield from importlib.import_module(name).KINDS
