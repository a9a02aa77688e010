"""`recsys init` on tables that are broken or nearly fit: it says what keeps each from its role, and
proposes nothing that reads them wrong.
"""

from __future__ import annotations

import gzip
import uuid
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.commands.init import FolderPlace, propose
from recsys_tasks.errors import RecsysError
from tests.commands.init.test_init import NOW
from tests.commands.init.test_odd_files import Tables, iso, settled, shop, values, written


def tables() -> Tables:
    found = shop()
    iso(found["events"])
    return found


def left_out(folder: Path) -> str:
    return " ".join(settled(folder)[0].left_out)


def test_a_compressed_file_that_broke_off_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "shop", tables())
    whole = gzip.compress((folder / "events.csv").read_bytes())
    (folder / "events.csv").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecsysError, match="damaged file"):
        propose(FolderPlace(folder, folder), NOW)


def test_a_folder_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    folder = written(tmp_path / "shop", tables())
    (folder / "older").mkdir()
    (folder / "older" / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    assert values(settled(folder)[0])["source.events"] == "events.csv"


def test_ids_that_are_bytes_are_no_columns_of_ids(tmp_path: Path) -> None:
    found = tables()
    folder = written(tmp_path / "shop", {n: t for n, t in found.items() if n != "events"})
    rows = pa.Table.from_pandas(found["events"], preserve_index=False)
    keys = [uuid.uuid5(uuid.NAMESPACE_DNS, str(n)).bytes for n in range(len(rows))]
    rows = rows.append_column("row_id", pa.array(keys, pa.binary(16)))
    pq.write_table(rows, folder / "events.parquet")
    assert values(settled(folder)[0])["events.user_column"] == "customer"


def test_parts_whose_columns_have_other_types_are_looked_at_as_text(tmp_path: Path) -> None:
    found = tables()
    folder = written(tmp_path / "shop", {n: t for n, t in found.items() if n != "events"})
    events = found["events"]
    half = len(events) // 2
    written(folder / "events", {"a": events[:half]})
    later = events[half:].assign(time=pd.to_datetime(events.time[half:]))
    later.to_parquet(folder / "events" / "b.parquet", index=False)
    proposal, reader = settled(folder)
    assert values(proposal)["events.timestamp_column"] == "time"
    assert reader.read_events(None, NOW.date())["ts"].null_count == 0


def test_a_first_part_with_the_header_of_all(tmp_path: Path) -> None:
    found = tables()
    events = found.pop("events")
    folder = written(tmp_path / "shop", found)
    written(folder / "events", {"0": events[:100]})
    written(folder / "events", {"1": events[100:]}, header=False)
    proposal, reader = settled(folder)
    assert values(proposal)["source.columns"]["events"][3:] == ["event", "price"]
    assert values(proposal)["events.price_column"] == "price"
    assert len(reader.read_events(None, NOW.date())) == len(events)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ids: ids.str.upper(), "in the same case"),
        (lambda ids: ids + "  ", "without the spaces around them"),
    ],
)
def test_items_whose_ids_are_written_otherwise(tmp_path: Path, change: object, words: str) -> None:
    found = tables()
    found["items"]["product"] = change(found["items"]["product"])  # type: ignore[operator]
    text = left_out(written(tmp_path / "shop", found))
    assert "table items.csv" in text
    assert words in text


def test_items_of_several_rows_each(tmp_path: Path) -> None:
    found = tables()
    found["items"] = pd.concat([found["items"].assign(size=size) for size in "SML"])
    text = left_out(written(tmp_path / "shop", found))
    assert "each in 3.0 rows on average; deliver one row an item" in text


def test_a_row_for_a_whole_basket(tmp_path: Path) -> None:
    found = tables()
    ids = found["events"]["product"]
    found["events"]["product"] = ids + "|" + ids.shift(1, fill_value="p1") + "|p2"
    text = left_out(written(tmp_path / "shop", found))
    assert "joins several values of its 'product' by '|'" in text


def test_cancelled_rows_and_columns_that_nothing_reads_are_named(tmp_path: Path) -> None:
    """In a column that is called no status; of one that is, `events.status` is proposed."""
    found = tables()
    events = found["events"]
    events["remark"] = ["cancelled" if n % 10 == 0 else "completed" for n in range(len(events))]
    events["channel"] = ["web" if n % 2 else "app" for n in range(len(events))]
    text = left_out(written(tmp_path / "shop", found))
    assert "events, channel: no setting reads it" in text
    assert "rows say 'cancelled', and count as the others do" in text


def test_times_some_of_which_are_none(tmp_path: Path) -> None:
    """Enough to know the column; the night is to stop at the others."""
    found = tables()
    events = found["events"]
    events.loc[events.index[::30], "time"] = "1970-01-01T00:00:00Z"
    proposal, _ = settled(written(tmp_path / "shop", found))
    assert values(proposal)["events.timestamp_column"] == "time"
    assert "validation.max_null_share" not in values(proposal)
    assert "such as '1970-01-01T00:00:00Z'" in " ".join(proposal.left_out)


def test_a_launch_that_is_no_date_everywhere_is_no_attribute(tmp_path: Path) -> None:
    found = tables()
    found["items"]["launch"] = ["2027-Q1" if n % 4 == 0 else "2020-01-01" for n in range(20)]
    proposal, _ = settled(written(tmp_path / "shop", found))
    names = [one["name"] for one in values(proposal)["items.attributes"]]
    assert "launch" not in names
    assert "items, launch: it is called a launch, and '2027-Q1'" in " ".join(proposal.left_out)


def test_dates_of_noughts_are_missing_ones(tmp_path: Path) -> None:
    found = tables()
    found["items"]["launch"] = ["0000-00-00" if n % 4 == 0 else "2020-01-01" for n in range(20)]
    proposal, reader = settled(written(tmp_path / "shop", found))
    assert values(proposal)["items.available_from_column"] == "launch"
    assert reader.read_items()["available_from_fault"].null_count == 20


def test_an_encoding_that_may_be_another_is_asked_for(tmp_path: Path) -> None:
    found = tables()
    found["items"]["name"] = [f"东西 {n} 的灯" for n in range(20)]
    folder = written(tmp_path / "shop", {n: t for n, t in found.items() if n != "items"})
    written(folder, {"items": found["items"]}, encoding="gb18030")
    proposal, _ = settled(folder)
    (encoding,) = [s for s in proposal.settings if s.key == "source.encoding"]
    assert encoding.confidence == "a guess"
    assert "written right?" in encoding.evidence


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16", "utf-32"])
def test_text_of_wide_letters_is_read(tmp_path: Path, encoding: str) -> None:
    found = tables()
    folder = written(tmp_path / "shop", {n: t for n, t in found.items() if n != "events"})
    written(folder, {"events": found["events"]}, encoding=encoding)
    _, reader = settled(folder)
    assert reader.read_events(None, NOW.date())["ts"].null_count == 0


def test_a_few_bytes_of_another_encoding_make_no_other_encoding(tmp_path: Path) -> None:
    found = tables()
    found["items"]["name"] = [f"Größe {n} im Karton" for n in range(20)]
    folder = written(tmp_path / "shop", found)
    text = (folder / "items.csv").read_bytes()
    (folder / "items.csv").write_bytes(text.replace("ß".encode(), b"\xdf", 1))
    with pytest.raises(RecsysError, match="is not UTF-8"):
        propose(FolderPlace(folder, folder), NOW)


@pytest.mark.parametrize(
    ("form", "ahead"),
    [
        ("%a, %d %b %Y %H:%M:%S +0000", 0),
        ("%a %b %d %H:%M:%S %Y", 0),
        ("%Y-%m-%d %H:%M:%S CET", 3600),
    ],
)
def test_forms_that_name_the_weekday_or_a_zone(tmp_path: Path, form: str, ahead: int) -> None:
    found = shop()
    moments = found["events"]["time"]
    found["events"]["time"] = moments.dt.strftime(form)
    _, reader = settled(written(tmp_path / "shop", found))
    read = reader.read_events(None, NOW.date())["ts"].to_pylist()
    assert read[0] == int(moments[0].timestamp()) - ahead


def test_flags_in_the_words_of_feeds_and_office_programs(tmp_path: Path) -> None:
    found = tables()
    found["items"]["lieferbar"] = ["FALSCH" if n % 4 == 0 else "WAHR" for n in range(20)]
    proposal, reader = settled(written(tmp_path / "shop", found))
    assert values(proposal)["items.available_column"] == "lieferbar"
    assert reader.read_items()["available"].to_pylist().count(False) == 5
