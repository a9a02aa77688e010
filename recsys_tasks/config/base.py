"""What every section of the settings is made of: its frozen base class and its types."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
NonNegativeFloat = Annotated[float, Field(ge=0.0)]
Days = Annotated[int, Field(ge=0, le=700_000)]
PositiveDays = Annotated[int, Field(ge=1, le=700_000)]
"""So many days before a night there still was a year."""
PositiveFloat = Annotated[float, Field(gt=0.0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
TimeUnit = Literal[
    "seconds", "milliseconds", "microseconds", "nanoseconds", "yyyymmdd", "yyyymmddhhmmss"
]


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"{name!r} is no time zone: write the name of a place, e.g. Europe/Berlin, or UTC"
        ) from error
    return name


def _clock_text(given: Any) -> Any:
    if isinstance(given, int):  # YAML 1.1 reads 12:30 as 750
        raise ValueError('write the time in quotes, e.g. "06:00"')
    return given


def _reads_days(form: str) -> str:
    parts = re.findall(r"%-?.?", form)
    if odd := [part for part in parts if part not in _FORM_PARTS]:
        raise ValueError(f"{odd[0]!r} is no part of a time; parts are {' '.join(_FORM_PARTS)}")
    kinds = {part[-1].lower() for part in parts}
    if not ({"y", "m", "d"} <= kinds or {"y", "b", "d"} <= kinds):
        raise ValueError(f"{form!r} names no day: write e.g. '%d.%m.%Y %H:%M:%S'")
    if ("%I" in parts or "%-I" in parts) != ("%p" in parts):
        raise ValueError(f"{form!r}: hours to 12, %I, and AM or PM, %p, go together; to 24 is %H")
    return form


_FORM_PARTS = (
    *("%Y", "%y", "%m", "%-m", "%b", "%B", "%d", "%-d", "%H", "%-H", "%I", "%-I"),
    *("%p", "%M", "%S", "%f", "%z", "%a", "%A", "%%"),
)
TimeZoneName = Annotated[str, AfterValidator(_known_timezone)]
ClockTime = Annotated[
    str, BeforeValidator(_clock_text), Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
]
TimeFormat = Annotated[str, AfterValidator(_reads_days)]


class Section(BaseModel):
    """A part of the settings file: frozen, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )
