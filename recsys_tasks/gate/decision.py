"""A gate decision: the verdict, its explanation in words, and how it is stored and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

from recsys_tasks.lake import Artifact, Lake

Verdict = Literal["promote", "reject", "hold", "refuse"]
SLICE = "slice:"
"""Rules of guarded groups of users are named `slice:<group>`."""
_WORST_FIRST: tuple[Verdict, ...] = ("refuse", "reject", "hold")


@dataclass(frozen=True)
class RuleResult:
    """One rule: what was allowed (`bound`), what was seen (`value`), both None where not a number.

    `leads_to` is the verdict if it fails; None for a figure that another rule sums up.
    """

    name: str
    bound: float | None
    value: float | None
    passed: bool
    words: str
    leads_to: Verdict | None = "reject"


@dataclass(frozen=True)
class GateContext:
    """What the rules need besides the evaluations.

    The gate window is [window_start, as_of). `champion_age_days` counts from the champion's
    promotion. `champion` is its name where it could not be judged, `champion_fault` why not;
    `anchor_fault` says the same of the anchor. `asks_a_person`: nothing is promoted before a person
    agrees (`gate.approval`).
    """

    as_of: date
    window_start: date
    champion_age_days: int | None = None
    seed: int = 1
    champion: str | None = None
    champion_fault: str | None = None
    anchor_fault: str | None = None
    asks_a_person: bool = False


@dataclass(frozen=True)
class GateDecision:
    """A verdict with all its reasons; it moves nothing by itself.

    `served`: a sentence with figures on what readers get where there is no champion and none is
    promoted; None where there is a champion, or nothing was measured.
    """

    as_of: date
    challenger: str
    champion: str | None
    verdict: Verdict
    paragraph: str
    rules: tuple[RuleResult, ...]
    served: str | None = None

    @property
    def promotes(self) -> bool:
        """Whether the challenger is to become champion."""
        return self.verdict == "promote"

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON: numbers that are not finite become None."""
        return {
            **asdict(self),
            "as_of": self.as_of.isoformat(),
            "rules": [asdict(rule) for rule in self.rules],
        }


def not_judged(
    challenger: str,
    champion: str | None,
    context: GateContext,
    why: str,
    verdict: Verdict = "reject",
) -> GateDecision:
    """A decision that says why there was no judgement (a backfill, another gate at work): nothing
    is promoted.
    """
    rule = RuleResult("judged", None, None, False, f"not judged: {why}", verdict)
    return conclude(challenger, champion, context, (rule,))


def write_decision(
    lake: Lake,
    decision: GateDecision,
    inputs: Mapping[str, str],
    config: str,
    figures: Mapping[str, Any] | None = None,
) -> Artifact:
    """Keep a decision as an artifact (`decision/<as_of>`); every verdict is kept.

    `inputs` and `config` are what it was judged from: a rerun with the same finds this decision.
    `figures` are the evaluations behind it, as `figures.all_figures` makes them.
    """
    # Not `Lake.make`: another verdict from the same inputs (the registry moved) is kept, too.
    with lake.writing(
        "decision", decision.as_of.isoformat(), inputs=inputs, config=config
    ) as draft:
        (draft.path / "decision.json").write_text(json.dumps(decision.as_dict(), indent=1))
        (draft.path / "figures.json").write_text(json.dumps(figures or {}, indent=1))
        draft.rows, draft.facts = len(decision.rules), {"verdict": decision.verdict}
    return draft.finished


def read_decision(artifact: Artifact) -> GateDecision:
    """A kept decision."""
    raw = json.loads(artifact.file("decision.json").read_text())
    rules = tuple(RuleResult(**rule) for rule in raw.pop("rules"))
    return GateDecision(**{**raw, "as_of": date.fromisoformat(raw["as_of"]), "rules": rules})


def conclude(
    challenger: str,
    champion: str | None,
    context: GateContext,
    rules: tuple[RuleResult, ...],
    served: str | None = None,
) -> GateDecision:
    """The decision that follows from these rules: the verdict of the worst failed one. `served`:
    see `GateDecision`.
    """
    failed = {rule.leads_to for rule in rules if not rule.passed}
    verdict: Verdict = next((v for v in _WORST_FIRST if v in failed), "promote")
    said = _paragraph(verdict, challenger, champion, context, rules)
    served = None if verdict == "promote" else served
    said += f" {served}." if served else ""
    return GateDecision(context.as_of, challenger, champion, verdict, said, rules, served)


def _slices_in_order(rules: tuple[RuleResult, ...]) -> list[str]:
    """One sentence for all guarded groups that passed: dozens of them would bury the reason."""
    passed = [r for r in rules if r.passed and r.name.startswith(SLICE) and r.value is not None]
    if not passed:
        return []
    worst = min(passed, key=lambda r: r.value if r.value is not None else 0.0)
    name = worst.name.removeprefix(SLICE)
    words = (
        f"the lowest is {name} with {worst.value:+.1%} (on hold when significantly below"
        f" {worst.bound:+.1%})"
    )
    return [f"{len(passed)} guarded groups of users, none significantly worse off: {words}"]


# --- in words -----------------------------------------------------------------------------------

_ASKED = "Release {challenger} passed the gate{over} and serves once a person agrees"
_OPENING = {
    "promote": "Release {challenger} was promoted{over}",
    "reject": "Release {challenger} was rejected and {champion} stays",
    "hold": "Release {challenger} is held for a person to decide, and {champion} stays meanwhile",
    "refuse": (
        "Release {challenger} was refused because it, or the evaluation, cannot be trusted;"
        " {champion} stays"
    ),
}


def _paragraph(
    verdict: Verdict,
    challenger: str,
    champion: str | None,
    context: GateContext,
    rules: tuple[RuleResult, ...],
) -> str:
    """One paragraph: what was decided, on which days, why, what else failed and what passed."""
    decisive = [r.words for r in rules if not r.passed and r.leads_to == verdict]
    other = [r.words for r in rules if not r.passed and r.leads_to not in (verdict, None)]
    passed = [r.words for r in rules if r.passed and not r.name.startswith(SLICE)]
    passed += _slices_in_order(rules)
    asked = verdict == "promote" and context.asks_a_person
    opening = (_ASKED if asked else _OPENING[verdict]).format(
        challenger=challenger,
        over=f" over {champion}" if champion else " as the first release",
        champion=champion or "no release (retrieval order)",
    )
    text = (
        f"{opening}, judged on what users did from {context.window_start} up to, not including,"
        f" {context.as_of}."
    )
    if decisive:
        text += f" Why: {'; '.join(decisive)}."
    if other:
        text += f" It also failed: {'; '.join(other)}."
    if passed:
        text += (
            f" {'It passed' if verdict == 'promote' else 'What was in order'}: {'; '.join(passed)}."
        )
    return text
