"""`python -m benchmarks.nights.one_stage HOME SETTINGS STAGE AS_OF`: one stage of a night in a home
whose server runs.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from recsys_tasks.config import load_config
from recsys_tasks.stages import Night, local_environment, run_on
from recsys_tasks.stages.pipeline import stage_named


def main() -> None:
    home, settings, name, as_of = sys.argv[1:]
    with local_environment(Path(home)) as environment:
        night = Night.open(load_config(Path(settings)), environment, date.fromisoformat(as_of))
        shards = range(night.config.serving.shards) if stage_named(name).sharded else (None,)
        for shard in shards:
            print(run_on(night, name, shard).summary(), flush=True)


if __name__ == "__main__":
    main()
