"""Random interleavings of the verbs that change shared state, each judged by the model.

make interleavings COUNT=200 SEED=1
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from recsys_tasks.database import create_engine, owner_url
from recsys_tasks.registry.registry import prepare
from recsys_tasks.stages import local_environment
from recsys_tasks.stages.night import mlflow_url
from tests.stages.interleavings.model import Model
from tests.stages.interleavings.shop import FIRST_NIGHT, Shop
from tests.stages.interleavings.verbs import BROKEN, OK, REFUSED, Step, World, start

WHOLE_EVERY = 20
LONGEST = 1800.0
"""Seconds after which a verb is taken for one that hangs."""
WEIGHTS = {
    "freeze": 4,
    "publish": 4,
    "rerun": 2,
    "backfill": 2,
    "erase": 2,
    "retention": 2,
    "rollback": 1,
    "resume": 1,
}


@dataclass
class Run:
    """All rounds on one home."""

    folder: Path
    world: World
    model: Model
    draw: np.random.Generator
    frozen: list[date] = field(default_factory=list)
    skipped: list[date] = field(default_factory=list)
    newest: date = FIRST_NIGHT - timedelta(days=1)
    counts: Counter[str] = field(default_factory=Counter)

    # --- what comes next -----------------------------------------------------------------------

    def round(self, number: int) -> list[Step]:
        """Verbs that are to run beside each other."""
        steps = []
        if number % WHOLE_EVERY == WHOLE_EVERY - 1:
            steps.append(self._timed(Step("whole", self._next_night()), longest=40.0))
        names, weights = list(WEIGHTS), np.array([*WEIGHTS.values()]) / sum(WEIGHTS.values())
        drawn = self.draw.choice(names, size=int(self.draw.integers(2, 5)), p=weights)
        steps += [self._timed(self._step(str(verb)), longest=5.0) for verb in drawn]
        self.model.shop.sell_until(max(self.newest, *(step.day for step in steps)))
        return steps

    def _step(self, verb: str) -> Step:
        shop = self.model.shop
        if verb == "backfill" and self.skipped:
            return Step(verb, self.skipped.pop())
        if verb in ("backfill", "rerun") and self.frozen:
            day = self._of_late()
            if self.draw.random() < 0.5:
                shop.sell(day - timedelta(days=1))  # a correction
            return Step("rerun", day)
        if verb == "erase" and self.frozen:
            user = self._erasable()
            shop.forget(user)
            self.model.doubtful.add(user)
            return Step(verb, self.newest, user=user)
        if verb in ("publish", "retention", "rollback", "resume") and self.frozen:
            day = self._of_late() if verb == "publish" else self.newest
            return Step(verb, day, salt=int(self.draw.integers(1, 1000)))
        if self.frozen and self.draw.random() < 0.3:
            self.skipped.append(self._next_night())
        return Step("freeze", self._next_night())

    def _timed(self, step: Step, longest: float) -> Step:
        killed = float(self.draw.uniform(0.05, longest)) if self.draw.random() < 0.35 else None
        return replace(step, after=float(self.draw.uniform(0, 0.8)), killed_after=killed)

    def _next_night(self) -> date:
        self.newest += timedelta(days=1)
        return self.newest

    def _of_late(self) -> date:
        return self.frozen[-1 - int(self.draw.integers(min(3, len(self.frozen))))]

    def _erasable(self) -> str:
        if self.model.doubtful and self.draw.random() < 0.5:
            return sorted(self.model.doubtful)[0]
        names = sorted({*self.model.users.key_of} - self.model.erased - self.model.doubtful)
        return names[int(self.draw.integers(len(names)))]

    # --- running it ----------------------------------------------------------------------------

    def play(self, number: int, steps: list[Step]) -> list[str]:
        """Run the steps beside each other; what was wrong with how they ended, or is wrong now."""
        logs = [self.folder / "log" / f"{number:04}-{k}-{s.verb}.txt" for k, s in enumerate(steps)]
        began = time.monotonic()
        running = [start(self.world, step, log) for step, log in zip(steps, logs, strict=True)]
        ended = [self._wait(p, step, began) for p, step in zip(running, steps, strict=True)]
        faults = []
        for step, code, log in zip(steps, ended, logs, strict=True):
            self.counts[f"{step.verb}: {code}"] += 1
            if code in ("hangs", "broken"):
                faults.append(f"{step.verb} {code}: {log.read_text()[-1500:]}")
            self._note(step, code)
        return faults + self.model.faults()

    def _wait(self, process: Any, step: Step, began: float) -> str:
        if step.killed_after is not None:
            process.join(max(0.0, began + step.after + step.killed_after - time.monotonic()))
        else:
            process.join(LONGEST)
            if process.is_alive():
                os.kill(process.pid, signal.SIGKILL)
                process.join()
                return "hangs"
        if process.is_alive():
            process.kill()
            process.join()
        names = {OK: "ok", REFUSED: "refused", BROKEN: "broken", -signal.SIGKILL: "killed"}
        return names.get(process.exitcode, "broken")

    def _note(self, step: Step, code: str) -> None:
        if step.verb in ("freeze", "backfill", "whole") and code == "ok":
            self.frozen = sorted({*self.frozen, step.day})
        elif step.verb in ("freeze", "backfill"):
            self.skipped.append(step.day)
        if step.verb == "erase" and code == "ok":
            self.model.erased.add(step.user)
            self.model.doubtful.discard(step.user)

    def age(self) -> None:
        """Stages of earlier nights ended days ago, or retention keeps everything."""
        owner = create_engine(owner_url(self.world.environment))
        with owner.begin() as connection:
            connection.execute(
                sa.text(
                    "UPDATE recsys.stage_run_rows SET finished_at = finished_at - interval '4 days'"
                    " WHERE as_of < :night AND finished_at > now() - interval '4 days'"
                ),
                {"night": self.newest - timedelta(days=2)},
            )
        owner.dispose()

    def settle(self) -> list[str]:
        """The next good night clears what is left: each verb once more, alone, and all end well."""
        self.model.shop.sell_until(self._next_night())
        night = self.newest
        steps = [Step("erase", night, user=user) for user in sorted(self.model.doubtful)]
        steps += [Step("freeze", night), Step("resume", night), Step("publish", night, salt=1001)]
        steps += [Step("retention", night)]
        faults = []
        for number, step in enumerate(steps):
            faults += self.play(9000 + number, [step])
        bad = [s for s in self.counts if not s.endswith((": ok", ": refused", ": killed"))]
        engine = self.world.night(night).engine
        with engine.connect() as connection:
            shown = connection.scalar(sa.text("SELECT as_of FROM recsys.status"))
        engine.dispose()
        if shown != night:
            faults.append(f"readers see {shown}, not the good night {night}")
        lake = self.world.night(night).lake
        return [*faults, *bad, *(f"damaged: {found.reference}" for found in lake.damaged())]


def interleave(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """What so many rounds found; it stops at the first that left a fault."""
    (folder / "log").mkdir(parents=True)
    shop = Shop.open(folder / "shop", seed)
    with local_environment(folder / "home") as environment:
        prepare(mlflow_url(environment))
        world = World(environment, shop.settings)
        run = Run(folder, world, Model(world, shop), np.random.default_rng(seed))
        result: dict[str, Any] = {"seed": seed, "rounds": 0, "faults": []}
        for number in range(count):
            steps = run.round(number)
            if any(step.verb == "retention" for step in steps):
                run.age()
            result["faults"] = run.play(number, steps)
            result["rounds"] = number + 1
            if number % 10 == 9:
                print(f"{number + 1} of {count} rounds", file=sys.stderr, flush=True)
            if result["faults"]:
                result["steps"] = [str(step) for step in steps]
                break
        else:
            result["faults"] = run.settle()
        users, items = run.model.users, run.model.items
        result |= {"keys of users": len(users.id_of), "keys of items": len(items.id_of)}
        return {**result, "erased": len(run.model.erased), **dict(sorted(run.counts.items()))}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="interleavings-"))
    found = interleave(scratch / "run", options.count, options.seed)
    print(json.dumps(found, indent=1))
    print(f"kept for a look: {scratch}" if found["faults"] else "no fault")
    raise SystemExit(bool(found["faults"]))
