"""What each generator finds of the gate window: recall, and what it alone found, as metrics of the
night.
"""

from __future__ import annotations

import numpy as np
from sqlalchemy import Engine

from recsys_tasks.clock import start_of
from recsys_tasks.gate.evaluate import Truth, truth_between
from recsys_tasks.gate.generator_recall import generator_recall
from recsys_tasks.ranking.examples.watch_time import fulfilling
from recsys_tasks.stages.inputs import open_inputs
from recsys_tasks.stages.judging.window import GateWindow
from recsys_tasks.stages.records import record_metrics

MAX_USERS = 10_000
"""Users with a truth whose candidates are compared with it: a share of pairs is steady long before.
"""


def record_generators(engine: Engine, window: GateWindow, lineage: str) -> None:
    """Recall of each generator at the gate's cutoffs, and what it alone found: metrics of
    `gate/generator=…`.
    """
    retriever = open_inputs(window.snapshot, lineage, window.cutoffs).retriever
    truth = truth_of_some(window, MAX_USERS)
    size, c = window.config.serving.block_users, window.config.generators.max_candidates
    users = truth.users
    blocks = (retriever.block(users[at : at + size]) for at in range(0, len(users), size))
    for name, shares in generator_recall(blocks, truth).items():
        values = {f"{metric}@{c}": share for metric, share in shares.items()}
        record_metrics(engine, window.as_of, f"gate/generator={name}", values)


def truth_of_some(window: GateWindow, most: int) -> Truth:
    """What users known before E did in [E, as_of), of a sample where more than `most` did
    something.
    """
    start, end = window.cutoffs.history, start_of(window.as_of)
    events = window.snapshot.events(before=window.as_of)
    wanted = fulfilling(window.snapshot, events.between(start, end))
    past = window.snapshot.known_before(events, window.cutoffs.history_before)
    users = np.intersect1d(past.user, wanted.user).astype(np.int32)
    if len(users) > most:
        rng = np.random.default_rng([window.config.resources.seed, window.as_of.toordinal(), 2])
        users = np.sort(rng.choice(users, most, replace=False))
    return truth_between(wanted, None, start, end, users)
