"""Random lives of a registry, with moves by hand and crashes at any call, against a model of a few
lines.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from sqlalchemy import Engine, text

from recsys_tasks.errors import ServingError
from recsys_tasks.lake import Lake
from recsys_tasks.registry.registry import ALIASES, Registry

START = datetime(2026, 3, 1, 1, tzinfo=UTC)
STEPS = 18
STORE_CALLS = ("add", "write_pending", "point", "clear_pending")


class Life:
    """One schedule: the real registry, and what it should be."""

    def __init__(self, registry: Registry, client: MlflowClient, lake: Lake, seed: int) -> None:
        self.registry, self.client, self.lake = registry, client, lake
        self.draw = random.Random(seed)
        self.day = 0
        self.trained: list[str] = []
        self.champions: list[str] = []
        self.set: dict[str, str | None] = {"anchor": None, "shadow": None}
        self.log: list[tuple[str, str]] = []

    @property
    def now(self) -> datetime:
        return START + timedelta(days=self.day)

    def step(self) -> None:
        self.day += 1
        self.draw.choice(
            [
                self.train,
                self.train,
                self.promote,
                self.promote,
                self.reject,
                self.rollback,
                self.by_hand,
                self.fix,
            ]
        )()

    # --- what can happen, and what it should do ------------------------------------------------

    def train(self) -> None:
        name = f"r{len(self.trained) + 1}"
        if (
            self.draw.random() < 0.3
        ):  # killed while it writes: nothing is left that could be registered
            with pytest.raises(KeyboardInterrupt), self.lake.writing("release", name) as draft:
                (draft.path / "release.json").write_text("{")
                raise KeyboardInterrupt
            return
        with self.lake.writing("release", name) as draft:
            (draft.path / "release.json").write_text("{}")
        assert draft.artifact is not None
        source = draft.artifact.reference

        def register() -> None:
            self.registry.register(name, source, tags={"lineage": "x"}, at=self.now, who="train")

        if self.maybe_cut(register):
            self.log.append(("registered", name))
            self.trained.append(name)

    def promote(self) -> None:
        if self.trained:
            name = self.draw.choice(self.trained)
            change = self.champions[-1:] != [name]
            if (
                self.maybe_cut(
                    lambda: self.registry.promote(name, who="gate", why="better", at=self.now)
                )
                and change
            ):
                self.log.append(("promoted", name))
                self.champions.append(name)

    def reject(self) -> None:
        if self.trained:
            name = self.draw.choice(self.trained)
            self.registry.reject(name, who="gate", why=f"not better on day {self.day}", at=self.now)
            self.log.append(("rejected", name))

    def rollback(self) -> None:
        if len(self.champions) < 2:
            with pytest.raises(ServingError):
                self.registry.rollback(who="anna", why="odd", at=self.now)
        elif self.maybe_cut(lambda: self.registry.rollback(who="anna", why="odd", at=self.now)):
            self.champions.pop()
            self.log.append(("rolled_back", self.champions[-1]))

    def fix(self) -> None:
        if self.trained:
            alias, name = self.draw.choice(list(self.set)), self.draw.choice(self.trained)
            if self.maybe_cut(
                lambda: self.registry.set_alias(alias, name, who="gate", why="fixed", at=self.now)
            ):
                self.log.append((f"{alias}ed" if alias == "anchor" else "shadowed", name))
                self.set[alias] = name

    def by_hand(self) -> None:
        """Somebody moves the champion in MLflow, also to what nobody registered; the next night
        looks.
        """
        if not self.trained:
            return
        model = self.registry.model_name
        known = self.draw.random() < 0.7
        to = self.draw.choice(self.trained)
        version = str(self.registry.store.add(to, "", {}))
        if not known:
            version = str(self.client.create_model_version(model, source="elsewhere").version)
            to = f"unregistered version {version}"
        self.client.set_registered_model_alias(model, "champion", version)
        before = self.champions[-1] if self.champions else None
        refusal = None if self.draw.random() < 0.6 else "its files are gone"
        found = self.registry.reconcile(self.now, lambda release: refusal)
        if to == before:
            assert found is None
            return
        assert found is not None
        self.log.append(("hand_moved", to))
        if known and refusal is None:
            self.champions.append(to)
        else:
            self.log.append(("rolled_back", before or "none"))

    def maybe_cut(self, call: Callable[[], Any]) -> bool:
        """Make a change, sometimes killed at one of its writes; whether it is done, now or by
        whoever comes next.
        """
        if self.draw.random() < 0.6:
            call()
            return True
        before = len(self.registry.history())
        with pytest.MonkeyPatch.context() as patch:
            killer = Killer(self.draw.randrange(1, 9))
            for name in STORE_CALLS:
                patch.setattr(
                    self.registry.store, name, killer.around(getattr(self.registry.store, name))
                )
            patch.setattr(self.registry.audit, "append", killer.around(self.registry.audit.append))
            try:
                call()
            except KeyboardInterrupt:
                pass
            else:
                return True
        self.registry.champion()  # any call finishes what was written down
        return len(self.registry.history()) > before

    # --- what always holds ---------------------------------------------------------------------

    def check(self, engine: Engine) -> None:
        champion, previous, *others = (self.registry.alias(name) for name in ALIASES)
        assert [previous, champion] == [None, None, *self.champions][-2:]
        assert dict(zip(("anchor", "shadow"), others, strict=True)) == self.set
        assert [(e.event, e.release) for e in self.registry.history()] == self.log
        behind = self.client.get_registered_model(self.registry.model_name).aliases
        assert list(behind).count("champion") == (1 if self.champions else 0)
        for name in self.trained:  # every release is complete
            assert self.lake.get(self.registry.source(name)).file("release.json").exists()
        assert self.registry.store.pending is None
        with engine.connect() as connection:
            newest = connection.execute(
                text("SELECT release FROM recsys.champions ORDER BY id DESC LIMIT 1")
            ).scalar()
        assert newest == champion


class Killer:
    """Dies instead of making the n-th call."""

    def __init__(self, at: int) -> None:
        self.left = at

    def around(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return method(*arguments, **named)

        return call


def live(
    seed: int, registry: Registry, server: dict[str, str], engine: Engine, folder: Path
) -> None:
    client = MlflowClient(tracking_uri=server["mlflow"], registry_uri=server["mlflow"])
    one = Life(registry, client, Lake(folder), seed)
    for _ in range(STEPS):
        one.step()
        one.check(engine)


@pytest.mark.parametrize("seed", range(6))
def test_schedules(
    seed: int, registry: Registry, release_server: dict[str, str], writer: Engine, tmp_path: Path
) -> None:
    live(seed, registry, release_server, writer, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6, 200))
def test_two_hundred_schedules(
    seed: int, registry: Registry, release_server: dict[str, str], writer: Engine, tmp_path: Path
) -> None:
    live(seed, registry, release_server, writer, tmp_path)
