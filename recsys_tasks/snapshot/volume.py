"""How many rows a night's newest day has, and how many its weekday usually has."""

from __future__ import annotations

from datetime import date, timedelta

from recsys_tasks.config import Config
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.extract_result import ExtractResult


def newest_day(lake: Lake, extracted: ExtractResult) -> date | None:
    """The newest day with rows, whether new tonight or not."""
    return next(
        (
            day
            for day in sorted(extracted.parts, reverse=True)
            if lake.get(extracted.parts[day]).rows
        ),
        None,
    )


def volume(config: Config, lake: Lake, extracted: ExtractResult) -> tuple[int | None, float | None]:
    """(rows of the newest day, None when none are due; mean of the same weekday in the four weeks
    before).
    """
    day, rules = extracted.as_of - timedelta(days=1), config.validation

    def rows(of: date) -> int:
        return lake.get(extracted.parts[of]).rows if of in extracted.parts else 0

    closed = day.isoformat() in rules.closed_days or f"{day:%A}".lower() in rules.closed_days
    newest = rows(day) or (None if closed or rules.allow_empty_days else 0)
    weeks = [count for week in range(1, 5) if (count := rows(day - timedelta(weeks=week)))]
    return newest, (sum(weeks) / len(weeks) if weeks and not closed else None)
