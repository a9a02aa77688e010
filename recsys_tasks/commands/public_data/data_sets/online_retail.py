"""Online Retail and Online Retail II: invoices of a UK gift wholesaler, as Excel or as CSV."""

from __future__ import annotations

from recsys_tasks.commands.public_data.data_set import (
    DataSet,
    Entities,
    File,
    Headed,
    Interactions,
)

_MOST_FREQUENT = """
SELECT DISTINCT ON ({key}) {key}, {value} FROM (
  SELECT {key}, trim({value}) AS {value}, count(*) AS times FROM lines
  WHERE nullif(trim({value}), '') IS NOT NULL AND nullif(trim({key}), '') IS NOT NULL
    AND TRY_CAST(quantity AS DOUBLE) > 0
  GROUP BY ALL
) ORDER BY {key}, times DESC, {value}
"""
_FORMATS = "['%Y-%m-%d %H:%M:%S', '%m/%d/%Y %H:%M', '%m/%d/%y %H:%M']"

DATA_SET = DataSet(
    name="online_retail",
    title="Online Retail II, Online Retail",
    page="https://archive.ics.uci.edu/dataset/502/online+retail+ii",
    files=(
        File(
            "lines",
            "an Excel or CSV file with Invoice, StockCode, Description, Quantity, InvoiceDate,"
            " Price, Customer ID, Country",
            Headed(
                {
                    "invoice": ["Invoice", "InvoiceNo"],
                    "stock_code": ["StockCode"],
                    "description": ["Description"],
                    "quantity": ["Quantity"],
                    "invoiced": ["InvoiceDate"],
                    "price": ["Price", "UnitPrice"],
                    "customer": ["Customer ID"],
                    "country": ["Country"],
                }
            ),
        ),
    ),
    interactions=Interactions(
        "lines",
        "customer",
        {
            "user_id": "regexp_replace(customer, '\\.0$', '')",
            "item_id": "stock_code",
            "timestamp": f"epoch(try_strptime(invoiced, {_FORMATS}))::BIGINT",
            "event": "'purchase'",
            "invoice": "invoice",
            "quantity": "TRY_CAST(quantity AS DOUBLE)",
            "price": "TRY_CAST(price AS DOUBLE)",
        },
        left_out={
            "of no known customer": "nullif(trim(customer), '') IS NULL",
            "of cancelled invoices and returns": "invoice ILIKE 'C%'"
            " OR TRY_CAST(quantity AS DOUBLE) <= 0",
            "without a price": "TRY_CAST(price AS DOUBLE) <= 0",
            "of postage, fees and other codes that are no product": "NOT regexp_matches(trim("
            "stock_code), '^[0-9]{5}')",
        },
        merged="SELECT user_id, item_id, min(timestamp) AS timestamp, event, invoice,"
        " sum(quantity) AS quantity, sum(price * quantity) / sum(quantity) AS price"
        " FROM interactions_read GROUP BY user_id, item_id, event, invoice",
    ),
    items=Entities(
        "SELECT trim(stock_code) AS item_id, description AS title FROM"
        f" ({_MOST_FREQUENT.format(key='stock_code', value='description')})"
        " WHERE regexp_matches(trim(stock_code), '^[0-9]{5}')",
        ["lines"],
        ({"name": "title", "kind": "text"},),
        title="title",
    ),
    users=Entities(
        "SELECT regexp_replace(trim(customer), '\\.0$', '') AS user_id, country FROM"
        f" ({_MOST_FREQUENT.format(key='customer', value='country')})",
        ["lines"],
        ({"name": "country", "kind": "categorical"},),
        group="country",
    ),
    kinds={"purchase": 1},
    objectives=({"name": "purchase", "events": ["purchase"]},),
    repeats="allow",
    assumed={
        "events.kinds": "a product on an invoice is one event, with the sum of its lines'"
        " quantities; invoices have local times, which are read as UTC",
        "events.price_column": "in pounds, the mean of the lines by quantity",
        "events.quantity_column": "units of the product on the invoice",
        "objectives": "the next purchase is what lists are for",
        "repeat_consumption": "wholesalers reorder",
        "items.attributes": "the most frequent description of a product",
        "users.attributes": "the country that most of a customer's lines have",
    },
    settings={"events.price_column": "price", "events.quantity_column": "quantity"},
)
