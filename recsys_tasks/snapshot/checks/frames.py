"""What the data checks look at: tonight's rows and figures, as frames with the checks' columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Config
from recsys_tasks.errors import offenders
from recsys_tasks.snapshot.checks.check import Check
from recsys_tasks.snapshot.checks.column_drift import FIGURES, Drifts
from recsys_tasks.snapshot.checks.frequent_ids import FrequentIds
from recsys_tasks.snapshot.checks.losses import Losses
from recsys_tasks.snapshot.checks.near_ids import near_words
from recsys_tasks.snapshot.checks.negative_rows import NEGATIVE
from recsys_tasks.snapshot.checks.remarks import ABOUT, Remarks
from recsys_tasks.snapshot.checks.row_rules import Flags
from recsys_tasks.snapshot.checks.short_id_rows import SHORTENED, quoted_ids
from recsys_tasks.snapshot.checks.storable import is_usable
from recsys_tasks.sources.base import has_users_table
from recsys_tasks.sources.files.archives import archive_words


@dataclass(frozen=True)
class NightRows:
    """What is checked: tonight's rows and figures."""

    as_of: date
    days: tuple[str, ...]  # days of `events`
    events: pa.Table  # RAW_EVENTS of the new and changed days
    flags: Mapping[str, Flags]  # rules.flag_rows of them
    users: pa.Table  # raw users of the night
    items: pa.Table
    newest_day_rows: int | None  # None: the shop was closed, or empty days are normal
    usual_rows: float | None  # mean of the same weekday in the four weeks before; None: unknown
    future_rows: int
    newest_day: date | None = None  # newest day with rows, whether new tonight or not
    undated: tuple[str, ...] = ()  # what was delivered in place of times, in words
    losses: Losses = field(default_factory=Losses)
    odd_values: Mapping[str, Sequence[str]] = field(
        default_factory=dict
    )  # column → first values, as delivered
    files_passed_over: Sequence[str] = ()
    drifts: Drifts = field(default_factory=Drifts)
    frequent: FrequentIds = field(default_factory=FrequentIds)
    repeated_times: Mapping[str, int] = field(default_factory=dict)  # table → how many
    remarks: Remarks = field(default_factory=dict)

    def words(self, check: Check, fails: bool) -> str:
        """What is known of a check beside its figures; empty where nothing is."""
        if check.name == "files_passed_over" and self.files_passed_over:
            words = archive_words(self.files_passed_over)
            return offenders(self.files_passed_over) + (f"; {words}" if words else "")
        if check.name == "repeated_times" and self.repeated_times:
            found = ", ".join(f"{n:,} of {table}" for table, n in self.repeated_times.items())
            return f"{found}; the earlier instant was taken of each"
        if check.suite == "night" and check.name in self.remarks:
            return "; ".join(self.remarks[check.name])
        if check.suite == "night":
            return self.losses.words.get(check.name) or (self._share_words(check) if fails else "")
        name = check.name.removeprefix("share:")
        if fails and name == SHORTENED and check.suite == "events":
            return quoted_ids(self.events)
        if not fails or name not in ("unknown_user", "unknown_item"):
            return ""
        column, table = (
            ("user_id", self.users) if name == "unknown_user" else ("item_id", self.items)
        )
        return near_words(self.events[column].filter(pa.array(self.flags[name])), table[column])

    def _share_words(self, check: Check) -> str:
        """Which columns drifted, or which id has so many rows."""
        if check.name in FIGURES:
            return self.drifts.words(check.name, check.maximum or 0.0)
        frequent = self.frequent
        return {
            "one_user": frequent.top_user,
            "one_item": frequent.top_item,
            "null_words": ", ".join(frequent.words),
        }.get(check.name, "")


def event_frame(events: pa.Table, flags: Mapping[str, Flags]) -> pd.DataFrame:
    """The rows, with the columns that `event_checks` look at. `flags`: `[n] bool` by fault."""
    frame: pd.DataFrame = events.to_pandas()
    for column in ("user_id", "item_id"):
        frame.loc[flags["missing_user" if column == "user_id" else "missing_item"], column] = None
    quantity = pc.if_else(
        pa.array(flags["bad_position"]), None, events["quantity"]
    )  # a check of its own tells of it
    if NEGATIVE in flags:  # of a return, either sign says how many units come back
        quantity = pc.if_else(pa.array(flags[NEGATIVE]), pc.abs(quantity), quantity)
    frame["quantity"] = quantity.to_pandas().copy()
    for column in ("price", "quantity"):
        # an unreadable number is NaN in Arrow and would pass as missing in pandas; infinity has no
        # upper bound to break
        numbers = quantity if column == "quantity" else events[column]
        frame.loc[~is_usable(numbers).fill_null(True).to_numpy(), column] = -np.inf
    # null is not one of the declared kinds; Great Expectations would leave it out of the count
    frame["event"] = frame["event"].fillna("")
    lengths = [
        pc.fill_null(pc.binary_length(events[column]), 0).to_numpy()
        for column in ("user_id", "item_id")
    ]
    frame["id_bytes"] = np.maximum(*lengths)
    return frame.assign(
        user_known=~flags["unknown_user"],
        item_known=~flags["unknown_item"],
        first=~flags["repeated"],
        storable=~flags["unstorable"],
        whole=~flags[SHORTENED],
        placed=~flags["bad_position"],
        rated=~flags["bad_rating"],
    )


def night_frame(config: Config, night: NightRows) -> pd.DataFrame:
    """One row; NaN where a figure does not apply."""
    rows = night.newest_day_rows
    ratio = rows / night.usual_rows if rows and night.usual_rows else np.nan
    figures = {
        "newest_day_rows": np.nan if rows is None else rows,
        "volume_ratio": ratio,
        "future_share": night.future_rows / max(night.future_rows + night.events.num_rows, 1),
        "users": night.users.num_rows if has_users_table(config) else np.nan,
        "items": night.items.num_rows,
        "files_passed_over": len(night.files_passed_over),
        "repeated_times": sum(night.repeated_times.values()),
        **dict.fromkeys(("items_gone", "users_gone", "rows_lost", "rows_late"), np.nan),
        **night.losses.shares,
        **{name: night.drifts.worst(name) for name in FIGURES},
        "one_user": night.frequent.user_share,
        "one_item": night.frequent.item_share,
        "null_words": night.frequent.word_share,
        **{name: len(night.remarks.get(name, ())) for name in ABOUT},
    }
    return pd.DataFrame([figures], dtype=np.float64)


def share_frame(night: NightRows) -> pd.DataFrame:
    """One row: how many rows have each fault, and the share of it."""
    n = night.events.num_rows
    counts = {name: float(flags.sum()) for name, flags in night.flags.items()}
    shares = {f"share:{name}": count / max(n, 1) for name, count in counts.items()}
    return pd.DataFrame([{**counts, **shares, "rows": float(n)}])


def share_checks(checks: Sequence[Check]) -> list[Check]:
    """The same checks, of the shares in `share_frame`."""
    made = []
    for check in checks:
        if check.kind != "columns":
            name = f"share:{check.name}"
            shares = Check(
                name, "events", "between", name, check.about, 0.0, check.blocking, 0.0, check.bound
            )
            made.append(replace(shares, delivered=check.delivered))
    return made
