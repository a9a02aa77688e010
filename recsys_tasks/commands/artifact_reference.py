"""docs/reference/artifacts.md, made from the declared kinds of artifacts."""

from __future__ import annotations

from recsys_tasks.lake.kinds import Holding, Kind, catalogue

_HEAD = """# Kinds of artifacts

Made from the kinds that are declared in `recsys_tasks/*/kinds.py` and `ids.py`; a test keeps it
current (`python -m recsys_tasks.commands.artifact_reference > docs/reference/artifacts.md`). The
weekly `maintain_storage` goes by the third column, `recsys erase-user` by the fourth. The modules
of the last, with all that they import, are the code that the kind's fingerprint covers, beside its
inputs and settings: a change there makes a new version, a change elsewhere does not.

A package of your own declares its kinds by an entry point of the group `nightshelf.kinds`.

| kind | what it is | stays | holds of a user | made by |
|---|---|---|---|---|
"""


def artifact_reference() -> str:
    """The page as Markdown: one row a kind, sorted by name."""
    return _HEAD + "".join(_row(kind) for kind in catalogue().values())


def _row(kind: Kind) -> str:
    files = [f"`{name}`" for name, holding in kind.files.items() if holding is not Holding.NOTHING]
    makers = ", ".join(f"`{module.removeprefix('recsys_tasks.')}`" for module in kind.made_by)
    personal = ", ".join(files) or "nothing"
    return f"| `{kind.name}` | {kind.what} | {kind.retire.value} | {personal} | {makers} |\n"


if __name__ == "__main__":
    print(artifact_reference(), end="")
