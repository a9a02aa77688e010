"""H&M personalized fashion recommendations: purchases of two years, articles, customers."""

from __future__ import annotations

from recsys_tasks.commands.public_data.data_set import (
    DataSet,
    Entities,
    File,
    Headed,
    Interactions,
)

_ARTICLE = (
    "product_type_name",
    "product_group_name",
    "colour_group_name",
    "department_name",
    "index_group_name",
    "garment_group_name",
)

DATA_SET = DataSet(
    name="hm",
    title="H&M personalized fashion recommendations",
    page="https://www.kaggle.com/c/h-and-m-personalized-fashion-recommendations/data",
    files=(
        File(
            "sales",
            "a CSV file with t_dat, customer_id, article_id, price, sales_channel_id",
            Headed({name: [name] for name in
                    ("t_dat", "customer_id", "article_id", "price", "sales_channel_id")}),
        ),
        File(
            "articles",
            "a CSV file with article_id, prod_name, product_type_name and more",
            Headed({name: [name] for name in ("article_id", "prod_name", *_ARTICLE)}),
        ),
        File(
            "customers",
            "a CSV file with customer_id, club_member_status, age and more",
            Headed({name: [name] for name in
                    ("customer_id", "club_member_status", "fashion_news_frequency", "age")}),
            needed=False,
        ),
    ),
    interactions=Interactions(
        "sales",
        "customer_id",
        {
            "user_id": "customer_id",
            "item_id": "article_id",
            "timestamp": "epoch(TRY_CAST(t_dat AS DATE))::BIGINT",
            "event": "'purchase'",
            "price": "TRY_CAST(price AS DOUBLE)",
        },
        # An article that is in a basket twice has two equal rows.
        merged="SELECT *, count(*)::INTEGER AS quantity FROM interactions_read GROUP BY ALL",
    ),
    items=Entities(
        f"SELECT article_id AS item_id, prod_name AS title, {', '.join(_ARTICLE)} FROM articles",
        ["articles"],
        ({"name": "title", "kind": "text"},
         *({"name": name, "kind": "categorical"} for name in _ARTICLE)),
        title="title",
        group="product_group_name",
    ),
    users=Entities(
        "SELECT customer_id AS user_id, club_member_status, fashion_news_frequency,"
        " TRY_CAST(age AS DOUBLE) AS age FROM customers",
        ["customers"],
        (
            {"name": "club_member_status", "kind": "categorical"},
            {"name": "fashion_news_frequency", "kind": "categorical"},
            {"name": "age", "kind": "numeric"},
        ),
        group="club_member_status",
    ),
    kinds={"purchase": 1},
    objectives=({"name": "purchase", "events": ["purchase"]},),
    repeats="allow",
    assumed={
        "events.kinds": "every row is a purchase; its day is known, its hour is not, so all events"
        " of a day are at 00:00 UTC",
        "events.price_column": "as the data set has it, in a unit of its own",
        "events.quantity_column": "equal rows are one event with their number as quantity",
        "objectives": "the next purchase is what lists are for",
        "repeat_consumption": "an article is bought again, in another size or as the same",
        "items.attributes": "names of an article's groups; their numbers and codes say the same,"
        " the description and images are left out",
        "users.attributes": "of the customers' file; the postal code names too few people and is"
        " left out",
    },
    settings={"events.price_column": "price", "events.quantity_column": "quantity"},
)  # fmt: skip
