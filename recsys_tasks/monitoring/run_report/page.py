"""A page's values as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from recsys_tasks.monitoring.run_report.blocks import Chart, Page
from recsys_tasks.monitoring.run_report.charts import svg

_TEMPLATES = Path(__file__).parent


def render(page: Page) -> str:
    """The whole file. Everything but our own charts is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["drawn"] = _drawn
    return environment.get_template("page.html.jinja").render(page=page)


def _drawn(chart: Chart) -> Markup:
    return Markup(svg(chart))
