"""CSV and Parquet files, or folders of them, as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.dataset as pa_dataset
import pyarrow.parquet as pq

from recsys_tasks import schema
from recsys_tasks.clock import start_of
from recsys_tasks.config import Attribute, Config, FilesSource, expand_variables
from recsys_tasks.errors import ConfigError, SchemaError, offenders
from recsys_tasks.sources.columns import Read, as_number, as_text, read_flags
from recsys_tasks.sources.time_rule import FIRST_HOUR_KEY, PER_SECOND, TimeRule, event_times, launch_times
from recsys_tasks.sources.times import read_times
from recsys_tasks.sources.vectors import as_vectors

_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_Reader = Callable[[Any], Any]
_Window = tuple[str, int | None, int | None, TimeRule]  # delivered time column, first second, end second, its rule
_INT96 = pa_dataset.ParquetReadOptions(coerce_int96_timestamp_unit="us")  # its nanoseconds would wrap after 2262


@dataclass(frozen=True)
class _Column:
    """How one column of the contract is read: from which delivered column (None: all null) and how."""

    name: str
    source: str | None
    read: _Reader


def open_files(config: Config, source: FilesSource) -> Files:
    """The files that the settings name, `${VAR}` replaced. Raises ConfigError when a variable is unset."""
    return Files(
        config,
        Path(expand_variables(source.events)),
        Path(expand_variables(source.items)),
        Path(expand_variables(source.users)) if source.users else None,
    )


@dataclass
class Files:
    """Events, items and users below these paths; `users` None: whoever has events."""

    config: Config
    events: Path
    items: Path
    users: Path | None = None
    _cutoff: int | None = field(default=None, repr=False)
    _csv: dict[tuple[str, int, int], pa.Table] = field(default_factory=dict, repr=False)

    def prepare(self, before: date) -> None:
        """Files are there or are not; what a plausible time is depends on the night."""
        self._cutoff = start_of(before)

    def fingerprint(self) -> str:
        """Hash of every file's name, size and modification time."""
        digest = hashlib.sha256()
        for root in (self.events, self.items, self.users):
            for path in list_files(root) if root else ():
                facts = path.stat()
                digest.update(f"{path}:{facts.st_size}:{facts.st_mtime_ns};".encode())
        return digest.hexdigest()[:16]

    def read_events(self, first: date | None, before: date) -> pa.Table:
        """DELIVERED_EVENTS rows of [first, before), and every row without a readable time."""
        start, end = (start_of(first) if first else None), start_of(before)
        columns = self._event_columns()
        tables = [self._read_window(path, columns, start, end) for path in list_files(self.events)]
        contract = schema.DELIVERED_EVENTS.schema
        return pa.concat_tables([contract.empty_table(), *(table.select(contract.names) for table in tables)])

    def count_after(self, seconds: int) -> int:
        """Rows with a time at or after this second."""
        columns = [c for c in self._event_columns() if c.name == "ts"]
        files = list_files(self.events)
        return sum(self._read_window(path, columns, seconds, None, undated=False).num_rows for path in files)

    def read_users(self) -> pa.Table:
        """Users as delivered; without a users file, those seen in the events, sorted."""
        contract = schema.raw_users(self.config)
        table = self.config.users
        if self.users is None:
            ids = pc.unique(self._read(self.events, self._event_columns()[:1])["user_id"]).drop_null()
            ids = ids.take(pc.sort_indices(ids))
            absent = {n: pa.nulls(len(ids), contract.schema.field(n).type) for n in contract.schema.names[1:]}
            return contract.check(pa.table({"user_id": ids, **absent}), str(self.events))
        columns = [_Column("user_id", table.id_column, as_text), *_attribute_columns(table.attributes)]
        return contract.check(self._read(self.users, columns), str(self.users))

    def read_items(self) -> pa.Table:
        """Items as delivered."""
        table = self.config.items
        further = tuple(a for a in table.attributes if a.name != "title")
        launches = launch_times(self.config, self._cutoff)
        titled = "title" if len(further) < len(table.attributes) else None
        columns = [
            _Column("item_id", table.id_column, as_text),
            _Column("title", table.title_column or titled, as_text),
            _Column("available_from", table.available_from_column, partial(read_times, rule=launches)),
            _Column("available", table.available_column, read_flags),
            *_attribute_columns(further),
        ]
        return schema.raw_items(self.config).check(self._read(self.items, columns), str(self.items))

    def items_as_of(self, now: datetime) -> date | None:
        """Today; under a simulated clock the files may tell of any later day."""
        return None if self.config.clock == "simulated" else now.astimezone(UTC).date()

    def _event_columns(self) -> list[_Column]:
        table = self.config.events
        return [
            _Column("user_id", table.user_column, as_text),
            _Column("item_id", table.item_column, as_text),
            _Column("ts", table.timestamp_column, partial(read_times, rule=event_times(self.config, self._cutoff))),
            _Column("event", table.event_column, as_text),
            _Column("price", table.price_column, as_number),
            _Column("quantity", table.quantity_column, as_number),
            *([_Column("position", table.impressions.position_column, as_number)] if table.impressions else []),
        ]

    def _read(self, root: Path, columns: Sequence[_Column]) -> pa.Table:
        return pa.concat_tables([self._contract(self._load(p, columns, None), columns) for p in list_files(root)])

    def _read_window(
        self, path: Path, columns: Sequence[_Column], start: int | None, end: int | None, undated: bool = True
    ) -> pa.Table:
        """Contract rows of one file with start <= ts < end, and (`undated`) those without a time."""
        ts = next(c.source for c in columns if c.name == "ts")
        window = (str(ts), start, end, event_times(self.config, self._cutoff))
        table = self._contract(self._load(path, columns, window), columns)
        keep = pc.is_null(table["ts"]) if undated else pa.scalar(False)
        inside = pa.scalar(True)
        if start is not None:
            inside = pc.and_(inside, pc.greater_equal(table["ts"], start))
        if end is not None:
            inside = pc.and_(inside, pc.less(table["ts"], end))
        return table.filter(pc.or_kleene(keep, inside))

    def _load(self, path: Path, columns: Sequence[_Column], window: _Window | None) -> pa.Table:
        """Delivered columns of one file; Parquet skips the row groups outside the window."""
        wanted = list(dict.fromkeys(c.source for c in columns if c.source is not None))
        try:
            if path.suffix != ".parquet":
                return self._load_csv(path).select(_present(wanted, self._load_csv(path).column_names, path))
            found = pq.read_schema(path)
            _present(wanted, found.names, path)
            data = pa_dataset.dataset(path, format=pa_dataset.ParquetFileFormat(read_options=_INT96))
            return data.to_table(columns=wanted, filter=_pushdown(found, window))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SchemaError(
                expected="a readable CSV (UTF-8, comma, header) or Parquet file",
                found=str(error).splitlines()[0],
                where=str(path),
                remedy="deliver the file again",
            ) from error

    def _load_csv(self, path: Path) -> pa.Table:
        facts = path.stat()
        key = (str(path), facts.st_size, facts.st_mtime_ns)
        if key not in self._csv:
            # every column as text: `007` must stay `007`, and a bad number must reach the checks
            parse = pa_csv.ParseOptions(newlines_in_values=True)
            with pa_csv.open_csv(path, parse_options=parse) as probe:
                names = probe.schema.names
            self._csv[key] = pa_csv.read_csv(
                path,
                parse_options=parse,
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
                ),
            )
        return self._csv[key]

    def _contract(self, table: pa.Table, columns: Sequence[_Column]) -> pa.Table:
        """Delivered columns read as the contract's; an undeclared event column means the first kind."""
        types: Mapping[str, pa.DataType] = {"title": pa.string(), "available_from": pa.int64(), "available": pa.bool_()}
        made: dict[str, Any] = {}
        for column in columns:
            if column.source is not None:
                values = column.read(table[column.source])
                made |= _with_faults(column.name, values) if isinstance(values, Read) else {column.name: values}
            elif column.name == "event":
                made[column.name] = pa.repeat(pa.scalar(self.config.events.kinds[0].name), table.num_rows)
            else:
                made[column.name] = pa.nulls(table.num_rows, types.get(column.name, pa.float64()))
                if column.name in ("available_from", "available"):
                    made[f"{column.name}_fault"] = pa.nulls(table.num_rows, pa.string())
        if "position" in made and self.config.events.impressions is not None:
            shown = pc.equal(made["event"], self.config.events.impressions.event)
            made["quantity"] = pc.if_else(pc.fill_null(shown, False), made.pop("position"), made["quantity"])
        return pa.table(made)


def list_files(root: Path) -> list[Path]:
    """The data files at or below a path, sorted; hidden and temporary ones left out. Raises ConfigError."""
    if root.is_file():
        return [root]
    files = sorted(p for p in root.rglob("*") if p.name.endswith(_SUFFIXES) and not p.name.startswith((".", "_")))
    if not files:
        raise ConfigError(
            expected="a .csv or .parquet file, or a folder with some",
            found="an empty folder" if root.is_dir() else "no such path",
            where=str(root),
            remedy="correct the path under `source`, or deliver the files",
        )
    return files


def _attribute_columns(attributes: Sequence[Attribute]) -> list[_Column]:
    return [_Column(a.name, a.name, _reader(a)) for a in attributes]


def _reader(attribute: Attribute) -> _Reader:
    if attribute.dimensions is not None:
        return partial(as_vectors, dimensions=attribute.dimensions)
    return as_number if attribute.kind == "numeric" else as_text


def _present(wanted: list[str], found: Sequence[str], path: Path) -> list[str]:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise SchemaError(
            expected=f"columns {', '.join(map(repr, wanted))}",
            found=f"no {offenders(missing)}; the file has {', '.join(map(repr, found))}",
            where=str(path),
            remedy="name the columns under `users`, `items` or `events` of the settings, or correct the file",
        )
    return wanted


def _with_faults(name: str, read: Read) -> dict[str, Any]:
    return {name: read.values, f"{name}_fault": read.faults}


def _pushdown(found: pa.Schema, window: _Window | None) -> Any:
    """A filter that lets Parquet skip row groups, where times are stored as numbers; else None.

    What is no time comes with every window, so that it is counted: what lies outside the plausible range, or may be
    a day's hours in digits.
    """
    if window is None:
        return None
    name, start, end, rule = window
    each = PER_SECOND.get(rule.unit)
    if each is None or not pa.types.is_integer(found.field(name).type) or pa.types.is_uint64(found.field(name).type):
        return None
    inside = pc.scalar(True)
    if start is not None:
        inside = inside & (pc.field(name) >= start * each)
    if end is not None:
        inside = inside & (pc.field(name) < end * each)
    latest = min(rule.latest, FIRST_HOUR_KEY) if rule.unit == "seconds" else rule.latest
    outside = (pc.field(name) < rule.earliest * each) | (pc.field(name) >= latest * each)
    return inside | outside | pc.field(name).is_null()
