"""`recsys config check` looks at the first rows of files, and tells what a night stumbles over."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from recsys_tasks.config import Config
from recsys_tasks.sources.base import source_of
from tests.sources.files.test_reader import NOON, write
from tests.worlds import make_config

ROWS = pd.DataFrame(
    {
        "user_id": [f"u{n}" for n in range(30)],
        "item_id": ["lamp"] * 30,
        "timestamp": [NOON + 86_400 * (n % 5) for n in range(30)],
        "event": ["purchase"] * 30,
        "price": ["9.90"] * 30,
    }
)


def config(folder: Path, name: str = "events.csv", **changes: Any) -> Config:
    write(folder, "items.csv", "item_id,there\nlamp,yes\n")
    source = {"kind": "files", "items": str(folder / "items.csv"), **changes.pop("source", {})}
    return make_config(source={**source, "events": str(folder / name)}, **changes)


def findings(config: Config) -> tuple[bool, str]:
    found = list(source_of(config).examine(config, config.source))
    text = "; ".join(words for _, words in found)
    assert not any(user in text for user in ROWS.user_id[10:])
    return all(passed for passed, _ in found), text


@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl", "json", "parquet", "arrow", "arrows"])
def test_first_rows_of_every_format_are_looked_at(tmp_path: Path, form: str) -> None:
    rows, path = pd.concat([ROWS] * 100), tmp_path / f"events.{form}"
    table = pa.Table.from_pandas(rows, preserve_index=False)
    if form.startswith("csv"):
        rows.to_csv(path, index=False)
    elif form == "jsonl":
        rows.to_json(path, orient="records", lines=True)
    elif form == "json":
        path.write_text(json.dumps(rows.to_dict("records")))
    elif form == "parquet":
        pq.write_table(table, path)
    else:
        make = pa.ipc.new_file if form == "arrow" else pa.ipc.new_stream
        with make(path, table.schema) as writer:
            writer.write_table(table)
    passed, text = findings(config(tmp_path, f"events.{form}"))
    assert passed
    assert "events 1,000 rows looked at, 1,000 of them with a time" in text
    assert "items 1 rows looked at" in text


def delivered(folder: Path, **columns: Any) -> None:
    ROWS.assign(**columns).to_csv(folder / "events.csv", index=False)


def test_a_wrong_unit_is_found_before_the_first_night(tmp_path: Path) -> None:
    delivered(tmp_path, timestamp=ROWS.timestamp * 1000)
    passed, text = findings(config(tmp_path))
    assert not passed
    assert "set events.timestamp_unit: milliseconds" in text
    events = {"timestamp_unit": "milliseconds"}
    assert findings(config(tmp_path, events=events))[0]


def test_times_that_are_objects_are_refused(tmp_path: Path) -> None:
    """As databases of documents export them: no setting reads one."""
    rows = [{**row, "timestamp": {"$date": "2026-01-05"}} for row in ROWS.to_dict("records")]
    (tmp_path / "events.json").write_text(json.dumps(rows))
    passed, text = findings(config(tmp_path, "events.json"))
    assert not passed
    assert "a list, struct or map is no time" in text
    assert "write the column as plain text, numbers or times" in text


def test_a_column_that_is_not_there_fails(tmp_path: Path) -> None:
    delivered(tmp_path)
    passed, text = findings(config(tmp_path, events={"price_column": "cost"}))
    assert not passed
    assert "no 'cost'" in text


def test_a_file_without_a_header_is_refused_and_no_row_is_quoted(tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "events.csv", index=False, header=False)
    passed, text = findings(config(tmp_path))
    assert not passed
    assert "is the header missing?" in text
    assert "'u0'" not in text


def test_values_of_no_use_are_told(tmp_path: Path) -> None:
    delivered(tmp_path, price=["9,90"] * 30, timestamp=["soon", *ROWS.timestamp[1:]])
    items = {"available_column": "there"}
    settings = config(tmp_path, events={"price_column": "price"}, items=items)
    write(tmp_path, "items.csv", "item_id,there\nlamp,perhaps\n")
    passed, text = findings(settings)
    assert passed  # how many a night accepts is for the night to say
    assert "numbers of no use: price '9,90'" in text
    assert "29 of them with a time, not 'soon' is no ISO-8601 time" in text
    assert "no readable available: 'perhaps'" in text


def test_hours_in_a_column_that_nobody_named_are_told(tmp_path: Path) -> None:
    days = [datetime.fromtimestamp(t, UTC).date().isoformat() for t in ROWS.timestamp]
    delivered(tmp_path, timestamp=days, clock=[f"{n % 24}:15" for n in range(30)])
    words = "'clock' has times of day: set events.time_of_day_column: clock"
    assert words in findings(config(tmp_path))[1]
    named = config(tmp_path, events={"time_of_day_column": "clock"})
    assert words not in findings(named)[1]


def test_of_parts_without_rows_an_older_one_is_looked_at(tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "1.csv", index=False)
    ROWS[:0].to_csv(tmp_path / "2.csv", index=False)
    assert "events 30 rows looked at" in findings(config(tmp_path, "[0-9].csv"))[1]


def test_a_table_of_impressions_is_looked_at_too(tmp_path: Path) -> None:
    delivered(tmp_path)
    ROWS.rename(columns={"timestamp": "shown_at"}).to_csv(tmp_path / "shown.csv", index=False)
    source = {"impressions": str(tmp_path / "shown.csv")}
    passed, text = findings(config(tmp_path, source=source, events={"impressions": {}}))
    assert not passed
    assert "no 'timestamp'" in text
    events = {"impressions": {"timestamp_column": "shown_at"}}
    passed, text = findings(config(tmp_path, source=source, events=events))
    assert passed
    assert "impressions 30 rows looked at" in text


def test_ids_that_lost_digits_are_told(tmp_path: Path) -> None:
    short = ["4.00638E+12", *ROWS.user_id[1:]]
    delivered(tmp_path, user_id=short)
    _, text = findings(config(tmp_path))
    assert "user_id: 1 of 30 ids lost digits in a spreadsheet or a float: '4.00638E+12'" in text
    allowed = {"allow_shortened_ids": True}
    assert "lost digits" not in findings(config(tmp_path, validation=allowed))[1]
