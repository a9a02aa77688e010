"""The section on candidate generators."""

from __future__ import annotations

from recsys_tasks.monitoring.run_report.blocks import (
    Chart,
    Known,
    Note,
    Section,
    Series,
    Table,
    cells,
    percent,
)

GENERATOR = "gate/generator="


def generators(known: Known) -> Section:
    """What each generator finds of what users did next, and what it alone finds."""
    scopes = {
        s.removeprefix(GENERATOR): v
        for s, v in known.facts.get("metrics", {}).items()
        if s.startswith(GENERATOR)
    }
    shares = {
        name: (_named(values, "recall"), _named(values, "unique"))
        for name, values in scopes.items()
    }
    if not shares:
        return Section("generators", "Candidate generators", "Not measured for this night.", (Note(
            "No generator was measured on a gate window tonight."),))  # fmt: skip
    union = shares.pop("union", (None, None))[0]
    order = sorted(shares, key=lambda name: -(shares[name][0] or 0.0))
    series = tuple(
        Series(name, tuple(order), tuple(shares[generator][place] or 0.0 for generator in order))
        for place, name in enumerate(("found", "found by it alone"))
    )
    k = next((n.partition("@")[2] for n in next(iter(scopes.values())) if "@" in n), "")
    says = (
        f"Together they find {percent(union)} of what users did next among {k or 'all'} candidates."
    )
    note = (
        "Share of all user-item pairs of the gate window; what no generator finds no ranker can"
        " show."
    )
    chart = Chart(
        "bars", "Recall of each generator", "share of pairs", "", series, note, percent=True
    )
    rows = tuple(cells(name, percent(shares[name][0]), percent(shares[name][1])) for name in order)
    table = Table(("generator", "recall", "alone"), rows, numbers=frozenset({1, 2}), half=True)
    return Section("generators", "Candidate generators", says, (chart, table))


def _named(values: dict[str, float | None], name: str) -> float | None:
    return next((value for key, value in values.items() if key.split("@")[0] == name), None)
