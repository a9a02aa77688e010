"""RetailRocket: views, additions to the cart and purchases of an online shop, 2015."""

from __future__ import annotations

from recsys_tasks.commands.public_data.data_set import (
    DataSet,
    Entities,
    File,
    Headed,
    Interactions,
)

# The first category that is known of an item: a later one would tell a past night its future.
_ITEMS = """
SELECT p.itemid AS item_id, p.category, c.parentid AS parent_category
FROM (
  SELECT itemid, arg_min(value, (TRY_CAST("at" AS BIGINT), value)) AS category
  FROM properties WHERE property = 'categoryid' GROUP BY itemid
) AS p
LEFT JOIN (SELECT categoryid, min(nullif(parentid, '')) AS parentid FROM categories GROUP BY 1) AS c
  ON c.categoryid = p.category
"""

DATA_SET = DataSet(
    name="retailrocket",
    title="RetailRocket",
    page="https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset",
    files=(
        File(
            "visits",
            "a CSV file with timestamp, visitorid, event, itemid, transactionid",
            Headed({"at": ["timestamp"], "visitor": ["visitorid"], "kind": ["event"],
                    "item": ["itemid"], "basket": ["transactionid"]}, quoted=False),
        ),
        File(
            "properties",
            "CSV files with timestamp, itemid, property, value",
            Headed({"at": ["timestamp"], "itemid": ["itemid"], "property": ["property"],
                    "value": ["value"]}, quoted=False),
            needed=False,
            several=True,
        ),
        File(
            "categories",
            "a CSV file with categoryid, parentid",
            Headed({"categoryid": ["categoryid"], "parentid": ["parentid"]}, quoted=False),
            needed=False,
        ),
    ),
    interactions=Interactions(
        "visits",
        "visitor",
        {
            "user_id": "visitor",
            "item_id": "item",
            "timestamp": 'TRY_CAST("at" AS BIGINT) // 1000',
            "event": "kind",
        },
        left_out={
            "of an unknown kind of event": "kind NOT IN ('view', 'addtocart', 'transaction')"
        },
    ),
    items=Entities(
        _ITEMS,
        ["properties", "categories"],
        (
            {"name": "category", "kind": "categorical"},
            {"name": "parent_category", "kind": "categorical"},
        ),
        group="parent_category",
    ),
    users=None,
    kinds={"view": 1, "addtocart": 3, "transaction": 5},
    objectives=(
        {"name": "transaction", "events": ["transaction"], "weight": 2},
        {"name": "engage", "events": ["view", "addtocart"]},
    ),
    repeats="allow",
    assumed={
        "events.kinds": "the three kinds of the data set; what one counts beside the others is"
        " yours to say",
        "objectives": "a transaction counts twice as much as a view or an addition to the cart",
        "repeat_consumption": "visitors look at an item again before they buy it",
        "items.attributes": "the first category that is known of an item, and the one above it;"
        " the other properties have no names, and `available` is as of a day, so they are left out",
    },
)  # fmt: skip
