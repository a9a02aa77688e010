"""Other libraries, run in an environment of their own: scripts that know nothing of Nightshelf, but
for `two_stage`, which writes what one of them reads.
"""

from __future__ import annotations

from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
PYTHON = SCRIPTS.parents[1] / ".venv-peers" / "bin" / "python"
"""The interpreter that has the peers; `make setup .venv-peers/.installed` builds it."""
