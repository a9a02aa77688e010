"""What a column's or a table's name says of its role, in the words that shops use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "user": (
        "user",
        "customer",
        "client",
        "member",
        "visitor",
        "shopper",
        "buyer",
        "household",
        "account",
        "reviewer",
        "person",
        "uid",
    ),
    "item": (
        "item",
        "product",
        "article",
        "sku",
        "movie",
        "stock",
        "asin",
        "book",
        "track",
        "song",
        "video",
        "offer",
        "iid",
    ),
    "time": ("timestamp", "time", "datetime", "date", "ts", "day", "created", "when"),
    "event": ("event", "action", "behavior", "behaviour", "interaction", "activity", "type"),
    "price": ("price", "amount", "sales", "revenue", "paid", "value"),
    "quantity": ("quantity", "qty", "units"),
    "rating": ("rating", "stars", "score"),
    "title": ("title", "name", "description", "label"),
    "category": ("category", "department", "genre", "section", "collection", "class"),
    "available": ("available", "instock", "visible", "enabled", "active"),
    "launch": ("launch", "launched", "release", "released", "published", "availablefrom"),
    "segment": ("country", "region", "market", "language", "tier", "segment"),
    "events table": (
        "interactions",
        "events",
        "transactions",
        "orders",
        "purchases",
        "ratings",
        "reviews",
        "clicks",
        "views",
        "logs",
        "sales",
    ),
    "users table": ("users", "customers", "members", "visitors", "demographics", "accounts"),
    "items table": ("items", "products", "articles", "movies", "books", "catalog", "catalogue"),
}

WEIGHTS: Final[tuple[tuple[float, tuple[str, ...]], ...]] = (
    (5.0, ("purchase", "buy", "order", "transaction", "sale", "checkout", "rent", "subscribe")),
    (3.0, ("cart", "addtocart", "add", "basket", "wish", "wishlist", "like", "favorite", "save")),
    (1.0, ("view", "click", "impression", "visit", "detail", "detailview", "play", "read")),
)
"""How much one event of a kind counts beside a view, most first: an order of a cart is an order."""

TURNED_AWAY: Final[Mapping[str, tuple[str, ...]]] = {
    "newest": ("return", "returned", "refund", "refunded", "cancel", "cancelled", "canceled"),
    "all": ("dislike", "disliked", "unlike", "downvote", "hide", "notinterested"),
}
"""Words of negative events, by what such an event takes back."""


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case: `CustomerID`, `customer_id` and `customer id` are
    customer, id.
    """
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word]


def fits(name: str, role: str) -> float:
    """How well a name fits a role, from 0 to 1: one of the role's words, the earlier the better,
    or a word that begins with one (`visitorid`).
    """
    words, known = words_of(name), ROLES[role]
    joined = "".join(words)
    if joined in known:
        return 1.0
    for place, word in enumerate(words):
        if word in known or word.rstrip("s") in known:
            return 0.9 - 0.1 * min(place, 4)
    return 0.5 if any(len(w) > 3 and joined.startswith(w) for w in known) else 0.0


def weight_of(kind: str) -> float | None:
    """The usual weight of a kind of event by its name; None where the name says nothing."""
    words = words_of(kind)
    joined = "".join(words)
    for weight, known in WEIGHTS:
        if joined in known or any(word in known for word in words):
            return weight
    return None


def takes_back(kind: str) -> str | None:
    """What an event of this kind takes back by its name; None for one that is not negative."""
    words = words_of(kind)
    for what, known in TURNED_AWAY.items():
        if "".join(words) in known or any(word in known for word in words):
            return what
    return None


def setting_name(column: str, taken: Iterable[str] = ()) -> str:
    """A column's name as an attribute's name may be: lower case, digits and underscores, at most
    40 characters, none of those taken.
    """
    name = "_".join(words_of(column))[:36].strip("_") or "column"
    name = name if name[0].isalpha() else f"a_{name}"
    used, number, free = set(taken), 2, name
    while free in used:
        free, number = f"{name}_{number}", number + 1
    return free
