"""What a column's or a table's name says of its role, in the words that shops use."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from recsys_tasks.sources.noticed.undeclared import END_WORDS

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "user": (
        *("user", "customer", "client", "member", "visitor", "shopper", "buyer", "household"),
        *("account", "reviewer", "person", "uid", "kunde", "kunden", "nutzer", "benutzer", "klant"),
        *("cliente", "utilisateur", "usuario", "gebruiker", "acheteur", "kundin", "gast"),
    ),
    "item": (
        *("item", "product", "article", "sku", "movie", "stock", "asin", "book", "track", "song"),
        *("video", "offer", "iid", "artikel", "produkt", "produit", "producto", "articulo", "ware"),
        *("prodotto", "articolo", "ean", "isbn", "gtin", "material"),
    ),
    "time": (
        *("timestamp", "time", "datetime", "date", "ts", "day", "created", "when", "datum", "zeit"),
        *("zeitpunkt", "uhrzeit", "zeitstempel", "fecha", "tijd", "horodatage", "data", "moment"),
    ),
    "event": (
        *("event", "action", "behavior", "behaviour", "interaction", "activity", "type"),
        *("ereignis", "aktion", "aktivitaet", "evenement", "evento", "accion", "gebeurtenis"),
    ),
    "price": (
        *("price", "amount", "sales", "revenue", "paid", "value", "preis", "betrag", "umsatz"),
        *("prix", "montant", "precio", "importe", "prijs", "bedrag", "prezzo"),
    ),
    "quantity": (
        *("quantity", "qty", "units", "menge", "anzahl", "stueck", "stuck", "quantite"),
        *("cantidad", "aantal", "quantita"),
    ),
    "rating": ("rating", "stars", "score", "bewertung", "sterne", "note", "calificacion"),
    "title": (
        *("title", "name", "description", "label", "titel", "bezeichnung", "beschreibung", "titre"),
        *("nom", "nombre", "titulo", "naam", "libelle"),
    ),
    "category": (
        *("category", "department", "genre", "section", "collection", "class", "kategorie"),
        *("warengruppe", "gruppe", "categorie", "categoria", "rubrique", "afdeling"),
    ),
    "available": (
        "available",
        "instock",
        "visible",
        "enabled",
        "active",
        "verfuegbar",
        "lieferbar",
    ),
    "launch": ("launch", "launched", "release", "released", "published", "availablefrom"),
    "end": END_WORDS,
    "segment": ("country", "region", "market", "language", "tier", "segment", "land", "pays"),
    "events table": (
        *("interactions", "events", "transactions", "orders", "purchases", "ratings", "reviews"),
        *("clicks", "views", "logs", "sales", "bestellungen", "verkaeufe", "umsaetze", "commandes"),
        *("ventes", "pedidos", "ventas", "bestellingen", "bewegungen"),
    ),
    "users table": (
        *("users", "customers", "members", "visitors", "demographics", "accounts", "kunden"),
        *("clients", "clientes", "klanten", "nutzer"),
    ),
    "items table": (
        *("items", "products", "articles", "movies", "books", "catalog", "catalogue", "artikel"),
        *("produkte", "produits", "productos", "producten", "sortiment", "katalog"),
    ),
}
COLUMN_ROLES: Final = tuple(role for role in ROLES if " " not in role)
"""Roles of columns; the others are those of tables."""

WEIGHTS: Final[tuple[tuple[float, tuple[str, ...]], ...]] = (
    (5.0, ("purchase", "buy", "order", "transaction", "sale", "checkout", "rent", "subscribe")),
    (5.0, ("kauf", "bestellung", "achat", "compra", "aankoop", "bought", "ordered", "purchased")),
    (3.0, ("cart", "addtocart", "add", "basket", "wish", "wishlist", "like", "favorite", "save")),
    (3.0, ("warenkorb", "merkzettel", "panier", "carrito", "winkelwagen")),
    (1.0, ("view", "click", "impression", "visit", "detail", "detailview", "play", "read")),
    (1.0, ("viewed", "clicked", "pageview", "ansicht", "klick", "aufruf", "vue", "vista", "clic")),
)
"""How much one event of a kind counts beside a view, most first: an order of a cart is an order."""

_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})

TURNED_AWAY: Final[Mapping[str, tuple[str, ...]]] = {
    "newest": (
        "return",
        "returned",
        "refund",
        "refunded",
        "cancel",
        "cancelled",
        "canceled",
        "retoure",
        "storno",
        "retour",
    ),
    "all": ("dislike", "disliked", "unlike", "downvote", "hide", "notinterested"),
}
"""Words of negative events, by what such an event takes back."""


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case: `CustomerID`, `customer_id` and `customer id` are
    customer, id. Letters of other alphabets than the Latin one are left out.
    """
    signs = name.replace("ß", "ss").translate(_UMLAUTS)
    plain = unicodedata.normalize("NFKD", signs).encode("ascii", "ignore").decode()
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", plain)
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
