"""The front page of a night's Data Docs: every check in one table, readable without a network."""

from __future__ import annotations

from html import escape

from recsys_tasks.snapshot.checks.results import CheckResult, ValidationReport

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;max-width:70rem}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}"
    ".failed{background:#fdd}"
    ".warning{background:#fec}"
)


def report_page(report: ValidationReport) -> str:
    """An HTML page with a row per check, failed ones first, and links to the suites' own pages."""
    ordered = sorted(report.checks, key=lambda check: (check.passed, not check.blocking))
    verdict = "passed" if report.passed else f"{len(report.failed)} blocking check(s) failed"
    days = f"{report.days[0]} to {report.days[-1]}" if report.days else "no day"
    suites = dict.fromkeys(_page(check) for check in report.checks)
    links = " · ".join(f'<a href="{escape(suite)}.html">{escape(suite)}</a>' for suite in suites)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Data checks of'
        f" {report.as_of}</title>"
        f"<style>{_STYLE}</style><h1>Data checks of night {report.as_of}: {verdict}</h1>"
        f"<p>{report.rows:,} new or changed rows, {days}. Great Expectations' pages: {links}</p>"
        "<table><tr><th>verdict<th>check<th>looked for<th>found<th>allowed<th>examples"
        f"{''.join(map(_row, ordered))}</table></html>"
    )


def _page(check: CheckResult) -> str:
    """The suite's own page: a shop's expectations are on another than ours."""
    return f"own_{check.suite}" if check.name.startswith("expect_") else check.suite


def _row(check: CheckResult) -> str:
    verdict = "passed" if check.passed else ("failed" if check.blocking else "warning")
    cells = (
        verdict,
        f"{check.suite}.{check.name}",
        check.about,
        check.observed,
        check.bound,
        ", ".join(check.examples),
    )
    return f'<tr class="{verdict}">' + "".join(f"<td>{escape(cell)}" for cell in cells)
