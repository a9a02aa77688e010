"""Names of attempts' folders: `<sequence>-<token>` and, of a revision, `.<revision>` behind it."""

from __future__ import annotations


def number_of(name: str) -> int:
    """The sequence number of a version or of its folder."""
    return int(name.split("-")[0])


def version_of(name: str) -> str:
    """The version that a folder is a revision of."""
    return name.partition(".")[0]


def order_of(name: str) -> tuple[str, int]:
    """(version, revision) of a folder's name, to sort by."""
    version, _, revision = name.partition(".")
    return version, int(revision or 0)
