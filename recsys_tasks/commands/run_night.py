"""`recsys run`: every stage of a night in this process, told while it runs and at its end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from recsys_tasks.progress import Step, watching
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.outcome import StageResult
from recsys_tasks.stages.pipeline import STAGES
from recsys_tasks.stages.runner import run_all

_OURS = "recsys_tasks"


def run_night(
    night: Night,
    console: Console,
    *,
    terminal: bool,
    failed: Callable[[str, Exception], None] = lambda stage, error: None,
) -> None:
    """Run the night and print a line a stage, then a table of them and where the report is.

    On a terminal a bar shows what runs and how far it is; elsewhere the stages' log lines go to
    standard error. Raises as the first stage that fails does; `failed` hears of it before.
    """
    of = sum(night.config.serving.shards if stage.sharded else 1 for stage in STAGES)
    results: list[StageResult] = []
    now_runs = STAGES[0].name
    began = perf_counter()
    with _shown(console) if terminal else _logged() as tell:

        def before(stage: str) -> None:
            nonlocal now_runs
            now_runs = stage
            tell(f"{len(results) + 1} of {of}: {stage}")

        try:
            for result in run_all(night, before):
                results.append(result)
                at = f"[{len(results)}/{of}] {perf_counter() - began:6.1f} s"
                console.print(Text(f"{at}  {result.summary()}"), soft_wrap=True)
        except Exception as error:
            failed(now_runs, error)
            raise
    console.print(_table(results, perf_counter() - began))
    pages = [str(result.figures["page"]) for result in results if "page" in result.figures]
    console.print(Text(f"report: {pages[-1]}"), soft_wrap=True)
    console.print(Text(f"done: {len(results)} stages in {perf_counter() - began:.1f} s"))


def _table(results: Sequence[StageResult], seconds: float) -> Table:
    table = Table(title=Text(f"stages of {results[0].as_of}"), title_justify="left")
    table.add_column("stage")
    for name in ("seconds", "rows"):
        table.add_column(name, justify="right")
    table.add_column("artifact", overflow="fold")
    for result in results:
        how = "unchanged" if result.reused else f"{result.seconds:.1f}"
        table.add_row(result.stage, how, f"{result.rows:,}", Text(result.artifact))
    table.add_section()
    table.add_row("in all", f"{seconds:.1f}", "", "")
    return table


class _Bar:
    """One line at the bottom of a terminal: the stage, its time, and how far it is within."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[step]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self.progress.add_task("starting", total=None, step="")

    def __call__(self, stage: str) -> None:
        self.progress.reset(self._task, description=stage, total=None, step="")

    def step(self, step: Step) -> None:
        """Show how far the stage is."""
        words = f"{step.what}: {step.done:,} of {step.total:,}"
        self.progress.update(self._task, completed=step.done, total=step.total, step=words)


@contextmanager
def _shown(console: Console) -> Iterator[Callable[[str], None]]:
    bar = _Bar(console)
    with bar.progress, watching(bar.step):
        yield bar


@contextmanager
def _logged() -> Iterator[Callable[[str], None]]:
    """The package's log lines on standard error, for whoever keeps the output of a nightly job."""
    handler, log = logging.StreamHandler(sys.stderr), logging.getLogger(_OURS)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield lambda stage: None
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
