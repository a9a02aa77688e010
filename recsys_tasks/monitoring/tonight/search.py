"""One user or one item on the live page: what readers see of it now, and what was before."""

from __future__ import annotations

from typing import Any

from recsys_tasks.monitoring.run_report.blocks import (
    Block,
    Cell,
    Note,
    Section,
    Table,
    cells,
    percent,
)
from recsys_tasks.monitoring.tonight.facts import Live, Row


def user_section(live: Live) -> Section | None:
    """The user's list now beside the one before; None where nobody is asked for."""
    user = live.asked.user
    if not user:
        return None
    (known, places) = live.found["user"], live.found["list"]
    says = _who(known[0]) if known else f"No night has seen {user}: an unknown user gets this list."
    before = {row["item_id"]: row["rank"] for row in live.found["before"]}
    now = {row["item_id"] for row in places}
    blocks: list[Block] = [_places(places, before)]
    gone = [row for row in live.found["before"] if row["item_id"] not in now]
    if gone:
        rows = tuple(cells(row["rank"], row["item_id"], row["title"]) for row in gone)
        caption = f"of the list of {gone[0]['as_of']}, no longer shown"
        blocks.append(
            Table(("was", "item", "title"), rows, caption=caption, numbers=frozenset({0}))
        )
    blocks.append(Note("Why an item is not in the list: recsys why USER ITEM"))
    return Section("user", f"User {user}", says, tuple(blocks))


def _who(user: Row) -> str:
    served = {
        "own": "has a list of their own",
        "segment": f"gets what is popular in {user['segment']}",
        "everyone": "gets what is popular with everyone",
    }
    words = served.get(user["served_by"], "gets nothing: no publication is current")
    segment = f"Segment {user['segment']}; " if user["segment"] else "The user "
    return f"{segment}{words}."


def _places(places: Any, before: dict[str, int]) -> Table:
    rows = []
    for row in places:
        was = before.get(row["item_id"])
        moved = "new" if was is None else "same" if was == row["rank"] else f"was {was}"
        why = " ".join(filter(None, [str(row["reason"]).replace("_", " "), row["reason_item_id"]]))
        score = row["score"] if row["score"] is None else float(row["score"])
        known = Cell(moved if before else "–", "good" if moved == "new" and before else "plain")
        rows.append(cells(row["rank"], row["item_id"], row["title"], score, why, known))
    head = ("place", "item", "title", "score", "reason", "before")
    return Table(head, tuple(rows), numbers=frozenset({0, 3}))


def item_section(live: Live) -> Section | None:
    """Whether the item is on offer, how often lists show it, and what is like it."""
    item = live.asked.item
    if not item:
        return None
    if not live.found["item"]:
        note = Note("Ids are written exactly as the shop writes them.", "warn")
        return Section("item", f"Item {item}", "No night has seen this item.", (note,))
    known = live.found["item"][0]
    offered = "on offer" if known["available"] else "not on offer"
    since = f" since {known['available_from']}" if known["available_from"] else ""
    category = f", {known['category']}" if known["category"] else ""
    says = f"{known['title']}{category}: {offered}, known{since}."
    shown = tuple(
        cells(str(row["as_of"]), row["lists"], row["first_places"], percent(row["share"], 2))
        for row in live.found["exposure"]
    )
    alike = tuple(
        cells(row["rank"], row["similar_item_id"], row["similar_title"], float(row["score"]))
        for row in live.found["similar"]
    )
    blocks: list[Block] = []
    if shown:
        head = ("night", "lists that show it", "first places", "share of lists")
        blocks.append(Table(head, shown, numbers=frozenset({1, 2, 3}), half=True))
    if alike:
        head = ("place", "similar item", "title", "score")
        blocks.append(Table(head, alike, numbers=frozenset({0, 3}), half=True))
    none = (Note("No kept publication shows it.", "plain"),)
    return Section("item", f"Item {item}", says, tuple(blocks) or none)
