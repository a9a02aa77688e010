"""Amazon's reviews as released in 2018 (and 2014): JSON lines a category, and its products."""

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

# Where a product's page could not be read, its title is a piece of the page's program.
_TITLE = "CASE WHEN title NOT LIKE '%getTime%' THEN nullif(trim(title), '') END"

DATA_SET = DataSet(
    name="amazon_reviews",
    title="Amazon reviews, 2018",
    page="https://nijianmo.github.io/amazon/",
    files=(
        File(
            "reviews",
            "JSON lines with reviewerID, asin, overall, unixReviewTime",
            JsonLines(
                {
                    "person": "reviewerID",
                    "product": "asin",
                    "stars": "overall",
                    "at": "unixReviewTime",
                },
                frozenset({"reviewerID", "asin", "overall", "unixReviewTime"}),
            ),
            several=True,
        ),
        File(
            "products",
            "JSON lines with asin, title, category, main_cat, brand, price",
            JsonLines(
                {
                    "product": "asin",
                    "title": "title",
                    "main_category": "main_cat",
                    "categories": "category",
                    "brand": "brand",
                    "price": "price",
                },
                frozenset({"asin", "title", "main_cat"}),
            ),
            needed=False,
            several=True,
        ),
    ),
    interactions=Interactions("reviews", "person", rating_columns("person", "product")),
    items=Entities(
        f"SELECT product AS item_id, {_TITLE} AS title, nullif(main_category, '') AS main_category,"
        f" {joined('categories')} AS categories, nullif(brand, '') AS brand,"
        f" {price('price')} AS price FROM products",
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
    assumed=REVIEWED,
)
