"""Lists judged user by user, and whether each stage earns its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from benchmarks import report
from benchmarks.protocols import Dataset, Lists, Window, ndcg_and_hits, without_known
from benchmarks.quality.stage_lists import STAGES
from recsys_tasks.gate.bootstrap import paired_bootstrap

LEVEL, SAMPLES, SEED = 0.95, 2000, 1


@dataclass(frozen=True)
class Verdict:
    """One system on one window: `ndcg [n]` and `hits [n]` of the window's users, in its order."""

    protocol: str
    window: str
    system: str
    ndcg: npt.NDArray[np.float64]
    hits: npt.NDArray[np.bool_]

    def rows(self, dataset: str) -> list[report.Row]:
        """The means over users."""
        what = (dataset, self.protocol, self.window, self.system)
        return [
            report.Row(*what, "ndcg@10", 10, len(self.ndcg), float(self.ndcg.mean())),
            report.Row(*what, "hr@10", 10, len(self.ndcg), float(self.hits.mean())),
        ]


def judge_both(dataset: Dataset, window: Window, system: str, lists: Lists) -> list[Verdict]:
    """As `judge`, of a system that has one list for both: known items are taken out of it."""
    return judge(dataset, window, system, lists, without_known(lists, window))


def judge(
    dataset: Dataset, window: Window, system: str, with_known: Lists | None, without: Lists | None
) -> list[Verdict]:
    """Under the data set's protocol, and under discovery where repeats are allowed."""
    if dataset.forbid_known:
        assert without is not None
        return [_verdict(dataset.protocol, window, system, without)]
    verdicts = (
        [] if with_known is None else [_verdict(dataset.protocol, window, system, with_known)]
    )
    if without is not None:
        verdicts.append(
            _verdict(dataset.protocol + "-discovery", window.discovery(), system, without)
        )
    return verdicts


def _verdict(protocol: str, window: Window, system: str, lists: Lists) -> Verdict:
    return Verdict(protocol, str(window.cutoff), system, *ndcg_and_hits(lists, window))


def stage_gains(dataset: str, verdicts: Sequence[Verdict]) -> list[report.Row]:
    """Relative gain in NDCG@10 of each stage over the one before, with its paired bootstrap
    interval.

    The users of all windows are resampled together; rows of window "mean" only.
    """
    rows = []
    for protocol in dict.fromkeys(v.protocol for v in verdicts):
        pooled = {
            stage: np.concatenate(found)
            for stage in STAGES
            if (found := [v.ndcg for v in verdicts if v.protocol == protocol and v.system == stage])
        }
        for before, stage in pairwise(pooled):
            if len(pooled[before]) != len(pooled[stage]):
                continue  # a window without a release has no such stage
            drawn = paired_bootstrap(pooled[stage], pooled[before], SAMPLES, SEED)
            low, high = drawn.interval(LEVEL)
            rows += [
                report.Row(
                    dataset, protocol, "mean", stage, name, 10, drawn.users, value, "relative"
                )
                for name, value in (
                    ("gain", drawn.relative),
                    ("gain-low", low),
                    ("gain-high", high),
                )
            ]
    return rows
