"""Ids that a spreadsheet or a float has shortened, told from ids that only look round."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pyarrow as pa
import pytest

from recsys_tasks.sources.noticed.short_ids import fraction_twins, shortened

DRAW = random.Random(5)
SNOWFLAKES = [DRAW.randrange(10**18, 9 * 10**18) for _ in range(400)]
EANS = [4_006_381_000_000 + DRAW.randrange(10**6) for _ in range(60)]


def found(ids: Sequence[str | None]) -> list[str | None]:
    column = pa.chunked_array([pa.array(list(ids), pa.string())])
    flags = shortened(column).to_pylist()
    assert len(flags) == len(ids)
    return [one for one, flag in zip(ids, flags, strict=True) if flag]


@pytest.mark.parametrize(
    "text",
    [
        *("4.00638E+12", "1,00E+05", "1E+05", "1.2345678901234568e+18", "4.00638E12", "1,5e+009"),
        *("-1.5E+06", " 4.00638E+12 ", "2.5E-07", "1.23456789012346e+18", "4.00638133393E+12"),
    ],
)
def test_a_number_with_an_exponent_is_no_id_whatever_the_others_are(text: str) -> None:
    assert found([text, "ann", "4006381333931", None]) == [text]


@pytest.mark.parametrize(
    "text",
    [
        *("1e5", "12e45678", "7e10", "E+12", "1E12", "5.1", "a1.5E+12", "1.5E+12b", "1.5.E+12"),
        *(
            "9e+05",
            "1e+15",
            "00400638E+12",
            "4006381333931",
            "10000",
            "1.0",
            "",
            "007",
            "1_000",
            "3E-2",
            "E12",
        ),
    ],
)
def test_ids_that_only_look_like_one(text: str) -> None:
    assert found([text, "ann", "bob"]) == []


def excel(number: int) -> str:
    """A whole number as a spreadsheet keeps it: 15 digits, noughts behind them."""
    text = str(number)
    return text[:15] + "0" * (len(text) - 15)


@pytest.mark.parametrize("digits", [16, 17, 18, 19])
def test_ids_of_which_fifteen_digits_are_left(digits: int) -> None:
    ids = [str(number)[:digits] for number in SNOWFLAKES[:30]]
    short = [excel(int(one)) for one in ids]
    assert found(short) == short
    assert found(ids) == []
    one_file_of_ten = short + [str(number)[:digits] for number in SNOWFLAKES[:300]]
    assert set(short) <= set(found(one_file_of_ten))


def test_neighbours_that_became_one_id() -> None:
    """Nineteen digits, counted up: nothing is left of what told them apart."""
    short = [excel(1_234_567_890_123_456_789 + n) for n in range(40)]
    assert len(set(short)) == 1
    assert found(short) == short


def test_ids_of_which_six_digits_are_left() -> None:
    """A number with an exponent that was written out again."""
    short = [str(int(float(f"{number:.5e}"))) for number in EANS]
    assert found(short) == short
    assert found([str(number) for number in EANS]) == []


def test_ids_that_were_floats_on_their_way() -> None:
    """As a frame gives them whose column of ids had a gap."""
    short = [str(int(float(number))) for number in SNOWFLAKES]
    assert found(short) == short


@pytest.mark.parametrize(
    "ids",
    [
        [str(10**15 + n) for n in range(200)],
        [str(10**12 + n) for n in range(200)],
        [str(number) for number in SNOWFLAKES],
        [str((1_700_000_000_000 + 7 * n) << 22) for n in range(200)],  # no worker, no sequence
        [str(1_700_000_000_000_000 + 1000 * n) for n in range(200)],  # microseconds of a clock
        [str(1_700_000_000_000_000_000 + 10**6 * n) for n in range(200)],
        [str(100_000_000_000 * n) for n in range(1, 9)],  # a digit for each department
        [f"{parent:06}{child:06}" for parent in range(400_638, 400_648) for child in range(9)],
        [f"{n:018}" for n in range(0, 5_000, 100)],  # leading noughts: no number for a spreadsheet
        [f"{1000 * n}" for n in range(1, 400)],
    ],
)
def test_round_ids_that_are_whole(ids: list[str]) -> None:
    assert found(ids) == []


def test_whole_numbers_with_a_fraction_beside_those_without() -> None:
    ids = pa.chunked_array([["123.0", "123", "124.0", "1.5", "ann.0", "125.00", None]])
    known = pa.array(["123", "125", "1"])
    flags = fraction_twins(ids, known).to_pylist()
    assert flags == [True, False, False, False, False, True, False]
