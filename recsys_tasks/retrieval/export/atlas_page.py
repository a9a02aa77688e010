"""The map as one HTML page that needs no network: hover for an item, search, wheel to zoom, drag to
move.
"""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files

from recsys_tasks.retrieval.export.atlas import Atlas
from recsys_tasks.retrieval.export.atlas_image import COLOURS, centres


def atlas_page(atlas: Atlas, title: str, note: str) -> str:
    """The page, data and all."""
    columns = {
        name: [None if value != value else value for value in values]
        for name, values in atlas.items.about.items()
    }
    data = {
        "ids": atlas.items.ids.tolist(),
        "about": columns,
        "x": atlas.positions[:, 0].round(5).tolist(),
        "y": (1 - atlas.positions[:, 1]).round(5).tolist(),
        "of": atlas.of.tolist(),
        "clusters": [
            {
                "name": c.name,
                "share": round(c.share, 3),
                "size": c.size,
                "colour": COLOURS[number % len(COLOURS)],
            }
            for number, c in enumerate(atlas.clusters)
        ],
        "centres": [[round(x, 5), round(1 - y, 5)] for x, y in centres(atlas).tolist()],
    }
    # `<` cannot end the script element early, whatever a title holds.
    packed = json.dumps(data, ensure_ascii=False, default=str, separators=(",", ":")).replace(
        "<", "\\u003c"
    )
    page = (files(__package__) / "atlas_page.html").read_text(encoding="utf-8")
    return (
        page.replace("{{title}}", escape(title))
        .replace("{{note}}", escape(note))
        .replace("{{data}}", packed)
    )
