"""The map as an image."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib
import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recsys_tasks.arrays import Float64
from recsys_tasks.retrieval.export.atlas import MIXED, Atlas

COLOURS = (
    *("#3b6fb6", "#d9722e", "#3a9a5b", "#b5478f", "#8a6bbf", "#b28a1e", "#2a9aa8", "#c8453f"),
    *("#6f8f2f", "#5a5fc7", "#a8653a", "#1f7f6e", "#d2638c", "#7d7f87", "#4f9bd8", "#94713a"),
)
"""One a cluster, told apart on white and on near-black."""
INK, PAPER = "#1d2129", "#ffffff"


def write_image(path: Path, atlas: Atlas, title: str, note: str) -> None:
    """A PNG of 2400 × 2000 pixels: points by cluster, each cluster's name in its densest place.

    Letters that matplotlib's own font lacks (Chinese, Japanese, Korean …) are boxes; the page has
    the reader's fonts.
    """
    with matplotlib.rc_context({"font.family": "sans-serif", "font.size": 11}):
        figure = Figure(figsize=(12, 10), dpi=200, facecolor=PAPER)
        axes = figure.add_axes((0.02, 0.03, 0.96, 0.88))
        colours = np.array(COLOURS)[atlas.of % len(COLOURS)]
        size = float(np.clip(40_000 / max(len(atlas.of), 1), 5, 40))
        axes.scatter(
            atlas.positions[:, 0],
            atlas.positions[:, 1],
            s=size,
            c=colours,
            alpha=0.75,
            linewidths=0,
        )
        for number, at in enumerate(centres(atlas)):
            if atlas.clusters[number].name == MIXED:
                continue
            _label(axes, atlas.clusters[number].name, at, COLOURS[number % len(COLOURS)])
        axes.set_aspect("equal")
        axes.set_axis_off()
        figure.text(0.03, 0.955, title, size=19, weight="bold", color=INK, parse_math=False)
        figure.text(0.03, 0.925, note, size=11, color="#5b6270", parse_math=False)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # one a letter
            figure.savefig(path)


def _label(axes: Axes, name: str, at: Float64, colour: str) -> None:
    x, y = at.tolist()
    # Two dollars in a name are prices, not the ends of a formula.
    text = axes.text(
        x, y, name, ha="center", va="center", size=12, weight="bold", color=colour, parse_math=False
    )
    text.set_path_effects([effects.withStroke(linewidth=4, foreground=PAPER)])


def centres(atlas: Atlas) -> Float64:
    """`[clusters, 2]`: the item of each cluster that is nearest to its median place."""
    found = np.zeros((len(atlas.clusters), 2))
    for number in range(len(found)):
        members = atlas.positions[atlas.of == number]
        apart = np.linalg.norm(members - np.median(members, axis=0), axis=1)
        found[number] = members[int(apart.argmin())]
    return found
