"""Facts of a night that a report tells of, and the page's sections as text."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser
from typing import Any

NIGHT = date(2026, 3, 10)

Facts = dict[str, Any]
"""JSON as a night's artifacts hold it."""


SYSTEMS = (("popularity", "popularity", 0.08), ("challenger", "r2", 0.31), ("champion", "r1", 0.3))


class Sections(HTMLParser):
    """Text by section id; everything before the first section is `head`. Unbalanced tags fail."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self._at = {"head": ""}, "head"
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "section":
            named = dict(attributes)["id"]
            assert named
            self._at = named
            self.text[self._at] = ""
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text[self._at] += data + " "


def check(name: str, passed: bool = True, blocking: bool = True) -> Facts:
    return {
        "name": name,
        "suite": "events",
        "about": "a",
        "blocking": blocking,
        "passed": passed,
        "found": 0,
        "total": 9,
        "bound": "0 %",
        "observed": f"{name} of 9 rows",
        "examples": [],
    }


def rule(
    name: str,
    passed: bool = True,
    bound: float = 0.95,
    value: float = 0.99,
    leads_to: str = "reject",
) -> Facts:
    return {
        "name": name,
        "bound": bound,
        "value": value,
        "passed": passed,
        "words": f"{name} said",
        "leads_to": leads_to,
    }


def system(name: str, ndcg: float) -> Facts:
    return {
        "system": name,
        "summary": {"ndcg@10": ndcg, "never_heard_of": 0.625, "coverage@10": None},
        "intervals": {"ndcg@10": [ndcg - 0.01, ndcg + 0.01]},
        "slices": {
            "country=SE": {"users": 120, "mean": ndcg},
            "country=NO": {"users": 7, "mean": None},
        },
        "bias_curve": {"10": 2, "100": 40},
        "reliability": [[0.1, 0.12, 50], [0.3, 0.28, 50]],
    }


LEDGER = {
    "start": "warm",
    "kept": 800,
    "new": 7,
    "drift": 0.02,
    "loss": [3.5, 3.25],
    "recall_before": 0.81,
    "recall_after": 0.83,
    "refresh_ok": True,
    "parent": "x",
    "late_idea": 41,
}

ALERT = {
    "incident": "i1",
    "severity": "warning",
    "kind": "drift",
    "message": "scores drifted <b>",
    "reader_state": "readers have fresh lists",
    "remedy": "recsys publications",
    "runbook": "drift.md",
    "raised_at": "2026-03-10 01:04:05+00:00",
}


def gate_facts() -> Facts:
    """The verdict, its figures, and the release that was judged."""
    return {
        "decision": {
            "as_of": "2026-03-10",
            "challenger": "r2",
            "champion": "r1",
            "verdict": "hold",
            "paragraph": "Release r2 is held for a person to decide.",
            "rules": [
                rule("better"),
                rule("new_rule_of_others"),
                rule("slice:country=SE", False, -0.05, -0.125, "hold"),
            ],
        },
        "figures": {
            "metric": "ndcg@10",
            "level": 0.95,
            "systems": {name: system(of, ndcg) for name, of, ndcg in SYSTEMS},
            "against": {
                "champion": {"ndcg@10": {"change": 0.0333, "low": 0.01, "high": 0.06}},
                "popularity": {},
            },
            "columns": {"fused_rank": 0.79},
        },
        "release": {
            "release_id": "r2",
            "as_of": "2026-03-10",
            "mode": "light_and_heavy",
            "gate_cutoff": "2026-03-03",
            "held_out_ndcg@10": {"fused": 0.3, "light": 0.34, "heavy": 0.36},
            "importances": {"heavy": {"buy": {"due": 0.7, "rank": 0.3}}},
            "windows": [
                {
                    "label_start": "2026-02-24",
                    "users": 50,
                    "rows": 900,
                    "positives": 40,
                    "truth": 80,
                }
            ],
        },
    }


def facts() -> Facts:
    """A night on which the challenger fell short in one group, and an alarm was raised."""
    return {
        "project": "shop",
        "as_of": "2026-03-10",
        "at": "2026-03-10 01:00 UTC",
        "extract": {"rows": 5118, "new_days": 1, "changed_days": 2},
        "validation": {
            "rows": 1110,
            "days": ["2026-03-09"],
            "checks": [check("one"), check("two", False, False)],
        },
        "snapshot": {
            "users": 1863,
            "items": 833,
            "duplicates": 3,
            "waiting": {"unknown_item": 17},
            "erased": 0,
        },
        "new_days": ["2026-03-09"],
        "rows_by_day": [["2026-03-08", 900], ["2026-03-09", 1110]],
        **gate_facts(),
        "lineage": "abc-20260101",
        "towers": [{"lineage": "abc-20260101", "learned_before": "2026-03-10", "ledger": LEDGER}],
        "metrics": {
            "gate/generator=union": {"recall@300": 0.8125, "unique@300": 0.8125},
            "gate/generator=two_tower": {"recall@300": 0.7, "unique@300": 0.0625},
            "lists": {"identical_share": 0.015625},
            "gate/headroom=union": {"ndcg@10": 0.75, "users": 861.0},
            "gate/headroom=candidates": {"ndcg@10": 0.7, "users": 861.0},
            "gate/headroom=light": {"ndcg@10": 0.65, "users": 861.0},
            "gate/headroom=lists": {"ndcg@10": 0.28, "users": 861.0},
            "gate/headroom=lists/activity=1-4 events": {"ndcg@10": 0.2, "users": 61.0},
        },
        "realised": [],
        "alerts": [ALERT],
        "stages": [
            {
                "stage": "judge",
                "seconds": 7.25,
                "rows": 12,
                "figures": {"reused": False, "users": 861},
            }
        ],
        "publications": [
            {"publication_id": 5, "as_of": "2026-03-10", "status": "published", "note": None}
        ],
        "status": {"as_of": "2026-03-10", "rows": 1671, "release": "r1", "on_hold": False},
    }


def measured(user: str = "u0042") -> Facts:
    entry = {
        "rank": 1,
        "item": "i7",
        "title": "<script>alert(1)</script>",
        "score": 0.25,
        "reason": "because_of",
        "anchor": "A & B",
        "hit": True,
        "why": [["pair_due", 0.5]],
    }
    return {
        "lists": {"found": [{"user": user, "events": 12, "did": 3, "items": [entry]}]},
        "shap": {"found": {"pair_due": 0.4, "rank": 0.1}},
        "steps": {"found": {"heavy": [[10, 0.33], [20, 0.355], [30, 0.36]]}},
        "sizes": {"missing": "it is off"},
    }
