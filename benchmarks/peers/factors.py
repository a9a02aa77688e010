"""ALS and BPR of implicit, in the peers' environment: `python factors.py TRAIN OUT CUTOFF
THREADS`.

TRAIN as for simple.py. OUT receives NAME.npz: users and items (ids), their factors, and processor
seconds of training.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from implicit.bpr import BayesianPersonalizedRanking
from simple import DAY, als_model, confidence


def main() -> None:
    train, out, cutoff, threads = sys.argv[1:]
    events = pd.read_parquet(train)
    u, users = pd.factorize(events.user_id)
    i, items = pd.factorize(events.item_id)
    age = (int(cutoff) - events.timestamp.to_numpy()) / DAY
    shape = (len(users), len(items))
    slow = sp.csr_matrix((np.exp(-age / 180).astype(np.float32), (u, i)), shape=shape)
    for name, model, matrix in (
        ("als", als_model(int(threads)), confidence(slow)),
        ("bpr", bpr(int(threads)), sp.csr_matrix(slow > 0, dtype=np.float32)),
    ):
        started = time.process_time()
        model.fit(matrix, show_progress=False)
        seconds = time.process_time() - started
        vectors = {"user_vectors": model.user_factors, "item_vectors": model.item_factors}
        # As plain text: an array of objects could only be read back as a pickle.
        ids = {"users": np.array(users.tolist()), "items": np.array(items.tolist())}
        arrays: dict[str, Any] = {"seconds": seconds, **ids, **vectors}
        np.savez(Path(out) / f"{name}.npz", **arrays)


def bpr(threads: int) -> BayesianPersonalizedRanking:
    """Its own defaults: 100 factors, 100 passes."""
    return BayesianPersonalizedRanking(random_state=0, num_threads=threads)


if __name__ == "__main__":
    main()
