"""The index beside exact search, faiss and hnswlib, reported with the rest of retrieval: `make
bench-index`.
"""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks import report


def measure() -> list[report.Row]:
    """Every row of build/bench/index.json, after `make bench-index` has measured what it has not
    measured yet.
    """
    subprocess.run([sys.executable, "-m", "benchmarks.retrieval.index"], check=True)
    found = json.loads((report.OUT / "index.json").read_text())
    return [report.Row(**row) for row in found if "system" in row]
