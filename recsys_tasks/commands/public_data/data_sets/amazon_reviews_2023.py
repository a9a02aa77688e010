"""Amazon's reviews as released in 2023: JSON lines a category, and its products."""

from __future__ import annotations

from recsys_tasks.commands.public_data.amazon import CATALOGUE, REVIEWED, joined, price
from recsys_tasks.commands.public_data.data_set import (
    DataSet,
    Entities,
    File,
    Interactions,
    JsonLines,
)
from recsys_tasks.commands.public_data.ratings import (
    RATING_OBJECTIVES,
    RATING_SETTINGS,
    rating_columns,
)

DATA_SET = DataSet(
    name="amazon_reviews",
    title="Amazon reviews, 2023",
    page="https://amazon-reviews-2023.github.io/",
    files=(
        File(
            "reviews",
            "JSON lines with user_id, parent_asin, rating, timestamp",
            JsonLines(
                {
                    "person": "user_id",
                    "product": "parent_asin",
                    "stars": "rating",
                    "at": "timestamp",
                },
                frozenset({"user_id", "parent_asin", "rating", "timestamp"}),
            ),
            several=True,
        ),
        File(
            "products",
            "JSON lines with parent_asin, title, main_category, categories, store, price",
            JsonLines(
                {
                    "product": "parent_asin",
                    "title": "title",
                    "main_category": "main_category",
                    "categories": "categories",
                    "brand": "store",
                    "price": "price",
                },
                frozenset({"parent_asin", "title", "main_category", "categories"}),
            ),
            needed=False,
            several=True,
        ),
    ),
    interactions=Interactions(
        "reviews", "person", rating_columns("person", "product", per_second=1_000)
    ),
    items=Entities(
        "SELECT product AS item_id, nullif(trim(title), '') AS title,"
        f" nullif(main_category, '') AS main_category, {joined('categories')} AS categories,"
        f" nullif(brand, '') AS brand, {price('price')} AS price FROM products",
        ["products"],
        CATALOGUE,
        title="title",
        group="main_category",
    ),
    users=None,
    kinds={"rating": 1},
    objectives=RATING_OBJECTIVES,
    repeats="forbid",
    settings=RATING_SETTINGS,
    assumed={
        **REVIEWED,
        "items.attributes": (
            "of the products' file, where an item is a `parent_asin`: all colours and sizes of a"
            " product. Average rating and number of ratings would tell a past night its future and"
            " are left out"
        ),
    },
)
