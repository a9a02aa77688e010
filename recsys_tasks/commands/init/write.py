"""The proposed settings as a YAML file: each line with its evidence as a comment."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from recsys_tasks.commands.init.proposal import Proposal, Setting

_WIDTH = 100


_PROPOSED = (
    "Proposed by `recsys init` from the shop's own tables. A comment says how sure each setting"
    " is, and by what it was found: correct what is wrong. Every field:"
    " docs/reference/configuration.md; `recsys config check` shows what will run.",
)


def file_text(proposal: Proposal, head: Sequence[str] = _PROPOSED) -> str:
    """The settings file, whole; `head`: the paragraphs at its top."""
    return "\n".join(_lines(proposal, head)) + "\n"


def _lines(proposal: Proposal, head: Sequence[str]) -> Iterator[str]:
    for paragraph in head:
        yield from _comment(paragraph, "")
    section = None
    for setting in proposal.settings:
        head, _, name = setting.key.rpartition(".")
        if head != section and head:
            yield f"{head}:"
        section = head
        yield from _setting(setting, name, "  " if head else "")
    if proposal.noticed:
        yield ""
        yield "# Wrong with the data:"
        for words in proposal.noticed:
            yield from _comment(f"- {words}", "")
    if proposal.left_out:
        yield ""
        yield "# Columns that are not used:"
        for words in proposal.left_out:
            yield from _comment(f"- {words}", "")


def _setting(setting: Setting, name: str, indent: str) -> Iterator[str]:
    yield from _comment(f"{setting.confidence}: {setting.evidence}", indent)
    value = setting.value
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield f"{indent}{name}:"
        for entry in value:
            yield f"{indent}  - {_flow(entry)}"
    else:
        yield f"{indent}{name}: {_flow(value)}"


def _comment(words: str, indent: str) -> Iterator[str]:
    one_line = " ".join(words.split())
    for line in textwrap.wrap(one_line, _WIDTH - len(indent) - 2, break_on_hyphens=False):
        yield f"{indent}# {line}"


def _flow(value: Any) -> str:
    """A value as YAML writes it in one line."""
    plain = dict(value) if isinstance(value, Mapping) else value
    text = yaml.safe_dump(
        plain, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")
