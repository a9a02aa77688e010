"""What the releases of Amazon's reviews have in common."""

from __future__ import annotations

from collections.abc import Mapping

from recsys_tasks.commands.public_data.data_set import Entities
from recsys_tasks.commands.public_data.ratings import RATED

ASIN, REVIEWER = "[A-Z0-9]{10}", "A[A-Z0-9]{10,40}"
"""A product's and a user's id, which is longer."""
IDS_ALONE = Entities("", ["none: there is no file of products"], ())
REVIEWED: Mapping[str, str] = {
    **RATED,
    "repeat_consumption": "few users review an item twice, so what was reviewed is not shown again",
    "items.attributes": (
        "of the products' file. What other users did by the day it was gathered (average rating,"
        " number of ratings, sales rank, bought together) would tell a past night its future and is"
        " left out"
    ),
}
CATALOGUE = (
    {"name": "title", "kind": "text"},
    {"name": "main_category", "kind": "categorical"},
    {"name": "categories", "kind": "multi", "separator": "|"},
    {"name": "brand", "kind": "categorical"},
    {"name": "price", "kind": "numeric"},
)


def joined(column: str) -> str:
    """A list in JSON as its values joined by `|`."""
    values = f"json_extract_string({column}, '$[*]')"
    plain = f"list_transform({values}, lambda x: replace(x, '|', '/'))"
    return f"nullif(array_to_string({plain}, '|'), '')"


def price(column: str) -> str:
    """The price of `12.99` or `$12.99`; null for a range of prices and for anything else."""
    return f"TRY_CAST(replace(ltrim({column}, '$'), ',', '') AS DOUBLE)"
