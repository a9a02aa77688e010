"""A page's values as one HTML file that needs nothing else: no font, no network, no script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from recsys_tasks.monitoring.run_report.blocks import Chart, Page
from recsys_tasks.monitoring.run_report.charts import svg

_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_TEMPLATES = Path(__file__).parent


@dataclass(frozen=True)
class Live:
    """What a live page has beside its values: a search, links, a script that it works without."""

    links: Mapping[str, str]
    """Words → where they lead."""
    user: str = ""
    item: str = ""
    nonce: str = ""
    """Names the script to the browser: no other may run."""
    search: bool = True


def render(page: Page, live: Live | None = None) -> str:
    """The whole file. Everything but our own charts is escaped. `live`: of a page that is made
    anew on each look.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["drawn"] = _drawn
    environment.filters["whole_days"] = _whole_days
    return environment.get_template("page.html.jinja").render(page=page, live=live)


def _drawn(chart: Chart) -> Markup:
    return Markup(svg(chart))


def _whole_days(text: str) -> Markup:
    """Dates are not broken at their hyphens."""
    return Markup(_DAY.sub(r'<span class="day">\g<0></span>', str(escape(text))))
