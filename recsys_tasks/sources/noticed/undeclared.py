"""Columns that no setting names and that say of rows or items that they do not count: the state of
an order, the date on which an item was discontinued.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Config
from recsys_tasks.sources.columns import FALSE_WORDS, TRUE_WORDS, as_text
from recsys_tasks.sources.times.ends import read_ends
from recsys_tasks.sources.times.rule import TimeRule

END_WORDS: Final = (
    *("availableuntil", "availableto", "validuntil", "validto", "until", "discontinued"),
    *("expires", "expiry", "expired", "expiration", "enddate", "delisted", "deactivated"),
    *("discontinuation", "lieferbarbis", "verfuegbarbis", "gueltigbis", "auslauf", "bis"),
    *("jusqu", "hasta", "offline", "removed", "unpublished", "endofsale", "eol"),
)
"""Words in names of columns that say up to when an item can be had."""
_STATES: Final = frozenset(
    (
        *("status", "state", "statut", "estado", "stato", "zustand", "orderstatus", "outcome"),
        *("bestellstatus", "auftragsstatus", "paymentstatus", "zahlungsstatus", "ordrestatus"),
    )
)
"""Words in names of columns that have states of orders."""
_CURRENCIES: Final = frozenset(
    ("currency", "currencycode", "waehrung", "währung", "devise", "moneda", "valuta", "valuuta")
)
_VOID: Final = frozenset(
    (
        *("cancelled", "canceled", "cancel", "cancellation", "refunded", "refund", "returned"),
        *("return", "pending", "failed", "declined", "rejected", "void", "voided", "chargeback"),
        *("abandoned", "unpaid", "expired", "reversed", "deleted", "error", "hold", "onhold"),
        *("storniert", "storno", "retoure", "retourniert", "erstattet", "offen", "abgebrochen"),
        *("annule", "annulee", "rembourse", "cancelado", "cancelada", "reembolsado", "pendiente"),
        *("geannuleerd", "geretourneerd", "annullato", "rimborsato", "disputed", "fraud"),
    )
)
"""Words for states in which nobody has bought anything."""
_ODD_ROWS: Final = frozenset(("test", "istest", "dummy", "bot", "isbot", "robot", "internal"))
"""Words in names of flags of rows that are no customer's."""
_GONE: Final = frozenset(
    ("discontinued", "delisted", "deleted", "archived", "inactive", "disabled")
)
_THERE: Final = frozenset(
    ("available", "instock", "stock", "inventory", "active", "isactive", "enabled", "sellable")
)
"""Words in names of flags, or stocks, of items that can no longer, or still, be had."""
_MOST_VALUES: Final = 200


def tells(table: str, name: str) -> bool:
    """Whether a column's name says that its values may take rows or items away."""
    words = _words(name)
    if table == "events":
        return bool(words & (_STATES | _VOID | _CURRENCIES | _ODD_ROWS))
    return table == "items" and bool(words & ({*END_WORDS} | _GONE | _THERE))


def is_void(value: str) -> bool:
    """Whether a value is a state in which nobody has bought anything."""
    return bool(_words(value) & _VOID)


@dataclass
class Undeclared:
    """What such columns hold, over all parts that were read."""

    states: dict[str, Counter[str]] = field(default_factory=dict)
    """Column of the events → rows by state in which nothing was bought."""
    currencies: dict[str, Counter[str]] = field(default_factory=dict)
    """Column of the events → rows by currency."""
    ended: dict[str, list[int]] = field(default_factory=dict)
    """Column of the items → items that have ended, and items with an end."""
    gone: dict[str, Counter[str]] = field(default_factory=dict)
    """Column of the items → items by value, where that says that they cannot be had."""
    is_dated: bool = True
    """Whether it is known which ends have come."""

    def note(self, table: str, rows: pa.Table, rule: TimeRule) -> None:
        """Look at columns of a part; `rule`: how ends are read."""
        for name in rows.column_names:
            if pa.types.is_nested(rows[name].type):
                continue
            if table == "events":
                self._note_states(name, rows[name])
            elif not self._note_gone(name, rows[name]):
                ends = read_ends(rows[name], rule).values
                ended = pc.sum(pc.less_equal(ends, rule.cutoff)).as_py() or 0
                counts = self.ended.setdefault(name, [0, 0])
                counts[0] += ended
                counts[1] += len(ends) - ends.null_count

    def _note_gone(self, name: str, column: pa.ChunkedArray) -> bool:
        """Count the items of which a flag, or a stock of 0, says that they cannot be had; whether
        this is such a column.
        """
        words, text = _words(name), pc.utf8_lower(pc.utf8_trim_whitespace(as_text(column)))
        of = FALSE_WORDS if words & _THERE else TRUE_WORDS
        numbers = pc.match_substring_regex(text.drop_null(), "^[0-9]+([.]0+)?$")
        flags = pc.is_in(text.drop_null(), value_set=pa.array([*TRUE_WORDS, *FALSE_WORDS]))
        known = pc.or_(numbers, flags) if words & _THERE else flags
        if not words & (_THERE | _GONE) or not pc.all(known, min_count=1).as_py():
            return False
        found = text.filter(pc.fill_null(pc.is_in(text, value_set=pa.array(of)), False))
        counts = {pair["values"]: pair["counts"] for pair in found.value_counts().to_pylist()}
        self.gone.setdefault(name, Counter()).update(counts)
        return True

    def _note_states(self, name: str, column: pa.ChunkedArray) -> None:
        counted = pc.value_counts(as_text(column).drop_null())
        if len(counted) > _MOST_VALUES:
            return
        if _words(name) & _CURRENCIES:
            pairs = zip(*(part.to_pylist() for part in counted.flatten()), strict=True)
            self.currencies.setdefault(name, Counter()).update(dict(pairs))
            return
        found = self.states.setdefault(name, Counter())
        flagged = bool(_words(name) & (_VOID | _ODD_ROWS))
        for value, rows in zip(*(part.to_pylist() for part in counted.flatten()), strict=True):
            if is_void(value) or (flagged and value.strip().lower() in TRUE_WORDS):
                found[value] += rows

    def remarks(self, config: Config) -> dict[str, tuple[str, ...]]:
        """Words on all of them, by the name of the night's check."""
        priced = config.events.price_column is not None
        return {
            "currencies": tuple(self._currency_words()) if priced else (),
            "undeclared_ends": (*self._end_words(), *self._gone_words(config)),
            "undeclared_status": tuple(self._state_words()),
        }

    def _state_words(self) -> Iterator[str]:
        """Words on columns of states in which nobody bought anything."""
        for name, states in self.states.items():
            if states:
                most = ", ".join(f"{value!r} {rows:,}" for value, rows in states.most_common(4))
                yield (
                    f"events.{name}: no setting reads it, and rows that say {most} count as all"
                    " others do; say in events.status which values count"
                )

    def _gone_words(self, config: Config) -> Iterator[str]:
        """Words on flags of items that can no longer be had, where no setting names such a flag."""
        for name, found in self.gone.items():
            if found and config.items.available_column is None:
                most = ", ".join(f"{value!r} {rows:,}" for value, rows in found.most_common(2))
                yield (
                    f"items.{name}: no setting reads it, and items that say {most} are in lists as"
                    " all others are; name a column of true or false in items.available_column"
                )

    def _currency_words(self) -> Iterator[str]:
        """Words on columns of several currencies."""
        for name, found in self.currencies.items():
            if len(found) > 1:
                most = ", ".join(f"{value!r} {rows:,}" for value, rows in found.most_common(4))
                yield (
                    f"events.{name}: prices of {len(found)} currencies ({most}) are compared as if"
                    " they were of one; deliver prices in one currency"
                )

    def _end_words(self) -> Iterator[str]:
        """Words on columns of ends that have come."""
        for name, (ended, known) in self.ended.items():
            if ended:
                come = f"{ended:,} of its {known:,} dates have come"
                come = come if self.is_dated else f"{known:,} items have a date there"
                yield (
                    f"items.{name}: no setting reads it, and {come}; if these"
                    " items can no longer be had, name it in items.available_until_column"
                )


def _words(name: str) -> set[str]:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    words = [word for word in re.split(r"[^a-zA-Zà-ÿÀ-ß]+", spaced.lower()) if word]
    plain = [word.translate(str.maketrans("éèêáíóú", "eeeaiou")) for word in words]
    return {*plain, "".join(plain)}
