"""The simulated shop's items: made-up products with a place in taste space, a launch day and
stock-outs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.clock import DAY_SECONDS, start_of

DIMENSIONS = 12
LAUNCH_DAYS = 150  # a quarter of the catalogue is launched over this many days
LISTED_AHEAD_DAYS = 3  # items are listed this long before their launch

_NOUNS = {
    "lighting": "Desk Lamp|Floor Lamp|Lantern|Pendant Light|Candle Holder|String Lights",
    "kitchen": "Saucepan|Mixing Bowl|Chef Knife|Teapot|Cutting Board|Pepper Mill",
    "tableware": "Dinner Plate|Mug|Carafe|Serving Tray|Soup Bowl|Tumbler",
    "bedding": "Duvet Cover|Pillow|Wool Blanket|Fitted Sheet|Quilt|Throw",
    "garden": "Planter|Watering Can|Trowel|Bird Feeder|Garden Chair|Herb Box",
    "stationery": "Notebook|Fountain Pen|Pencil Set|Desk Planner|Letter Tray|Sketchbook",
    "toys": "Puzzle|Building Blocks|Plush Bear|Kite|Board Game|Wooden Train",
    "bath": "Bath Towel|Soap Dish|Bath Mat|Robe|Hand Soap|Shower Curtain",
    "bags": "Backpack|Tote Bag|Travel Pouch|Messenger Bag|Weekender|Lunch Bag",
    "audio": "Headphones|Bookshelf Speaker|Turntable|Radio|Earbuds|Microphone",
    "outdoor": "Camping Stove|Tent|Sleeping Bag|Water Bottle|Hammock|Head Torch",
    "pantry": "Coffee Beans|Olive Oil|Green Tea|Dark Chocolate|Honey|Granola",
}
CONSUMABLE = ("pantry", "bath", "stationery")  # bought again and again
_BRANDS = (
    "Aldermoor|Bright &"
    " Lowe|Casterbridge|Dovetail|Elmstead|Fernhollow|Greyfriar|Hartwell|Inkwood|Juniper Row"
)
_ADJECTIVES = (
    "Oak|Linen|Copper|Stoneware|Walnut|Brushed"
    " Steel|Recycled|Handmade|Compact|Folding|Striped|Indigo|Sage|Amber|"
    "Classic|Nordic|Quiet|Bright|Woven|Enamel|Cotton|Bamboo|Slate|Coral|Midnight|Everyday|Grand|Mini|Double|Soft"
)
_TAGS = (
    "minimal|rustic|colourful|giftable|sustainable|travel|luxury|budget|retro|kids|small-space|handcrafted|"
    "weekend|office|seasonal|bestowed"
)


@dataclass(frozen=True)
class Catalogue:
    """Items as parallel arrays of m rows."""

    ids: npt.NDArray[np.object_]
    titles: npt.NDArray[np.object_]
    category: npt.NDArray[np.int64]
    categories: tuple[str, ...]
    brand: npt.NDArray[np.object_]
    tags: npt.NDArray[np.object_]
    price: npt.NDArray[np.float64]  # currency
    vectors: npt.NDArray[np.float32]  # [m, DIMENSIONS], unit norm
    centres: npt.NDArray[np.float32]  # [categories, DIMENSIONS], unit norm
    appeal: npt.NDArray[np.float32]  # log popularity
    launch: npt.NDArray[np.int64]  # ordinal day
    stock_phase: npt.NDArray[np.int64]  # [m, 3]: period, phase and length of stock-outs, days

    @property
    def consumable(self) -> npt.NDArray[np.bool_]:
        """`[m] bool`: whether the item's category is bought repeatedly."""
        return np.isin(np.asarray(self.categories)[self.category], CONSUMABLE)

    def in_stock(self, day: date) -> npt.NDArray[np.bool_]:
        """`[m] bool`: launched and not sold out on this day."""
        period, phase, length = self.stock_phase.T
        sold_out = (day.toordinal() + phase) % period < length
        return (self.launch <= day.toordinal()) & ~sold_out

    def table(self, today: date) -> pa.Table:
        """items.parquet as written after `today`: launched or soon launched; stock of the next
        morning.
        """
        tomorrow = today + timedelta(days=1)
        rows = np.flatnonzero(self.launch <= today.toordinal() + LISTED_AHEAD_DAYS)
        seconds = start_of(date.fromordinal(1)) + (self.launch[rows] - 1) * DAY_SECONDS
        return pa.table(
            {
                "item_id": pa.array(self.ids[rows], pa.string()),
                "title": pa.array(self.titles[rows], pa.string()),
                "category": pa.array(
                    np.asarray(self.categories, object)[self.category[rows]], pa.string()
                ),
                "brand": pa.array(self.brand[rows], pa.string()),
                "tags": pa.array(self.tags[rows], pa.string()),
                "price": pa.array(self.price[rows]),
                "available_from": pa.array(seconds).cast(pa.timestamp("s", "UTC")),
                "available": pa.array(self.in_stock(tomorrow)[rows]),
            }
        )


def make_catalogue(seed: int, n: int, first_day: date) -> Catalogue:
    """n items; the same for the same arguments."""
    rng = np.random.default_rng([seed, 1])
    categories, brands, tags = tuple(_NOUNS), _BRANDS.split("|"), _TAGS.split("|")
    centres = unit(rng.standard_normal((len(categories), DIMENSIONS)))
    brand_vectors = rng.standard_normal((len(brands), DIMENSIONS)) / np.sqrt(DIMENSIONS)
    tag_vectors = rng.standard_normal((len(tags), DIMENSIONS)) / np.sqrt(DIMENSIONS)
    category, brand = rng.integers(len(categories), size=n), rng.integers(len(brands), size=n)
    tag = np.sort(rng.permuted(np.tile(np.arange(len(tags)), (n, 1)), axis=1)[:, :3], axis=1)
    noise = rng.standard_normal((n, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    vectors = (
        centres[category]
        + 0.5 * brand_vectors[brand]
        + 0.5 * tag_vectors[tag].mean(axis=1)
        + 0.4 * noise
    )
    launch = first_day.toordinal() - rng.integers(1, 200, size=n)
    late = rng.permutation(n) < n // 4
    launch[late] = first_day.toordinal() + rng.integers(1, LAUNCH_DAYS, size=int(late.sum()))
    stock = np.stack(
        [rng.integers(20, 60, n), rng.integers(60, size=n), rng.integers(0, 4, n)], axis=1
    )
    price_level = rng.normal(3.0, 0.6, n)
    return Catalogue(
        ids=np.array([f"i{i:05d}" for i in range(n)], object),
        titles=_titles(rng, category, brand, brands),
        category=category,
        categories=categories,
        brand=np.array(brands, object)[brand],
        tags=np.array(["|".join(tags[t] for t in row) for row in tag], object),
        price=np.asarray(
            np.round(np.exp(price_level + rng.normal(0, 0.4, len(categories))[category]), 2),
            np.float64,
        ),
        vectors=unit(vectors),
        centres=centres,
        appeal=rng.normal(0, 0.9, n).astype(np.float32),
        launch=launch,
        stock_phase=stock,
    )


def unit(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Rows scaled to length 1: `[n, d] float64` to `[n, d] float32`."""
    scaled: npt.NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(
        np.float32
    )
    return scaled


def _titles(
    rng: np.random.Generator,
    category: npt.NDArray[np.int64],
    brand: npt.NDArray[np.int64],
    brands: list[str],
) -> npt.NDArray[np.object_]:
    nouns = [n.split("|") for n in _NOUNS.values()]
    adjectives = _ADJECTIVES.split("|")
    first, last = (
        rng.integers(len(adjectives), size=len(category)),
        rng.integers(6, size=len(category)),
    )
    words = zip(brand, first, category, last, strict=True)
    return np.array([f"{brands[b]} {adjectives[a]} {nouns[c][n]}" for b, a, c, n in words], object)
