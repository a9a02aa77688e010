"""Releases in the MLflow model registry: which one is champion, and every change on record.

The alias `champion` of the registered model is the truth of what serves; `previous` is what a
rollback returns to. Every change made here is written down first (a tag on the registered model),
then done, then appended to `recsys.release_events`, then the tag removed, all under one PostgreSQL
advisory lock. A change that was cut short is finished by the next call, so an alias that differs
from the record can only have been moved by hand.

The first connection to an empty store creates its tables (about 6 s); `prepare` does it ahead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine

from recsys_tasks.errors import ServingError
from recsys_tasks.release._mlflow_store import MlflowStore, prepare
from recsys_tasks.release.audit import NO_RELEASE, Audit, ReleaseEvent, champion_on, champions
from recsys_tasks.release.decision import GateDecision

__all__ = ["CHAMPION", "PREVIOUS", "HandMove", "Registry", "prepare"]

CHAMPION, PREVIOUS = "champion", "previous"
_BY_HAND = "by hand in MLflow"


@dataclass(frozen=True)
class HandMove:
    """A champion alias moved in MLflow: to which release, from which, and why it was undone (None: it serves)."""

    release: str
    before: str | None
    undone: str | None


class Registry:
    """The releases of one shop. `engine` is of the recsys database, `mlflow_url` a SQL store's URL.

    Every method may raise TransientError when the database cannot be reached. `at` is an aware time.
    """

    def __init__(self, mlflow_url: str, engine: Engine, model_name: str) -> None:
        self._store = MlflowStore(mlflow_url, model_name)
        self._audit = Audit(engine)
        self.model_name = model_name

    # --- reading -------------------------------------------------------------------------------

    def champion(self) -> str | None:
        """The release that serves; None before the first promotion."""
        return self.alias(CHAMPION)

    def previous(self) -> str | None:
        """The release that a rollback returns to."""
        return self.alias(PREVIOUS)

    def alias(self, name: str) -> str | None:
        """The release behind an alias. Finishes a change that was cut short first."""
        if self._store.pending is not None:
            with self._locked():
                pass  # entering the lock finishes it
        return self._store.behind(name)

    def source(self, release: str) -> str:
        """Lake reference of a release. Raises ServingError when it was never registered."""
        return self._store.source(release)

    def history(self) -> list[ReleaseEvent]:
        """Every change, in the order made."""
        return self._audit.events()

    def live_on(self, day: date) -> str | None:
        """The champion at the end of a UTC day: what a backfill of that night serves."""
        return champion_on(self.history(), day)

    def champion_since(self) -> datetime | None:
        """When the present champion was promoted, rolled back to or moved to by hand."""
        champion = self.champion()
        moves = [e.at for e in self.history() if e.release == champion and e.event not in ("registered", "rejected")]
        return moves[-1] if moves else None

    # --- changing ------------------------------------------------------------------------------

    def register(self, release: str, source: str, *, tags: Mapping[str, str], at: datetime, who: str) -> int:
        """Make a release known, once: repeating it returns the same version. `source` is a lake reference."""
        with self._locked():
            version = self._store.add(release, source, tags)
            if not any(e.event == "registered" and e.release == release for e in self.history()):
                self._audit.append(ReleaseEvent(at, "registered", release, who, f"made of {source}"))
            return version

    def promote(self, release: str, *, who: str, why: str, at: datetime) -> None:
        """Make a release champion and the champion `previous`; a no-op when it is champion already.

        Raises ServingError when it was never registered.
        """
        with self._locked():
            self._store.source(release)
            self._notice(at)
            if self._recorded(CHAMPION) != release:
                self._change(ReleaseEvent(at, "promoted", release, who, why))

    def rollback(self, *, who: str, why: str, at: datetime) -> str:
        """Return to the champion before this one, and name it. Raises ServingError when there is none."""
        with self._locked():
            self._notice(at)
            target = self._recorded(PREVIOUS)
            if target is None:
                raise ServingError(
                    expected="a champion before the present one",
                    found=f"only {self._recorded(CHAMPION) or 'no champion'}",
                    where=f"release history of {self.model_name}",
                    remedy="promote another release, or roll back the publication alone",
                )
            self._change(ReleaseEvent(at, "rolled_back", target, who, why))
            return target

    def reject(self, release: str, *, who: str, why: str, at: datetime) -> None:
        """Record that a release was judged and not promoted; aliases stay. Repeating it adds nothing."""
        with self._locked():
            event = ReleaseEvent(at, "rejected", release, who, why)
            if event not in self.history():
                self._audit.append(event)

    def set_alias(self, name: str, release: str) -> None:
        """Point another alias (anchor, shadow) at a release. Raises ServingError when either is not allowed."""
        if name in (CHAMPION, PREVIOUS):
            raise ServingError(
                expected="an alias other than champion and previous",
                found=name,
                where=f"registry of {self.model_name}",
                remedy="use promote or rollback, which keep the record",
            )
        with self._locked():
            self._store.source(release)
            self._store.point(name, release)

    def reconcile(self, at: datetime, validate: Callable[[str], str | None]) -> HandMove | None:
        """Notice a champion alias moved by hand; None when there was none. Call it before serving.

        `validate(release)` says why a release cannot serve, None when it can. A move that cannot serve
        is undone; the move and its undoing are both on record.
        """
        with self._locked():
            before = self._recorded(CHAMPION)
            if not self._notice(at):
                return None
            release = self._recorded(CHAMPION) or NO_RELEASE
            known = self._store.knows(release)
            reason = validate(release) if known else "the pipeline never registered it"
            if reason is not None:
                why = f"{release} cannot serve: {reason}"
                self._change(ReleaseEvent(at, "rolled_back", before or NO_RELEASE, "registry", why))
            return HandMove(release, before, reason)

    def record_decision(self, decision: GateDecision, at: datetime, measured: Mapping[str, float]) -> None:
        """Append a gate decision to its table, and log it with the challenger's figures as an MLflow run, once."""
        self._audit.append_decision(decision, at)
        tags = {"verdict": decision.verdict, "champion": decision.champion or "", "paragraph": decision.paragraph}
        self._store.log(f"{decision.challenger} {decision.as_of}", at, measured, tags)

    def record_tower(self, version: str, at: datetime, ledger: Mapping[str, Any]) -> None:
        """Log a tower version's ledger as an MLflow run, once; `version` is its lake reference."""
        figures = {name: float(value) for name, value in ledger.items() if isinstance(value, bool | int | float)}
        losses = ledger.get("loss") or ()
        figures |= {"loss": float(losses[-1])} if losses else {}
        words = {name: value for name, value in ledger.items() if isinstance(value, str)}
        self._store.log(version, at, figures, {**words, "kind": "tower"})

    # --- inside the lock -----------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._audit.locked():
            self._finish()
            yield

    def _change(self, event: ReleaseEvent) -> None:
        history = self.history()
        # The number of rows tells, after a crash, whether this event's row was written.
        self._store.write_pending(json.dumps({"event": event.as_json(), "after": len(history)}))
        self._move_aliases([*history, event])
        self._finish()

    def _finish(self) -> None:
        """Complete the change written down last, from wherever it was cut short."""
        line = self._store.pending
        if line is None:
            return
        pending = json.loads(line)
        event = ReleaseEvent.from_json(pending["event"])
        if event not in self.history()[pending["after"] :]:
            self._audit.append(event)
        self._move_aliases(self.history())
        self._store.clear_pending()

    def _move_aliases(self, events: list[ReleaseEvent]) -> None:
        stack: list[str | None] = [None, None, *champions(events)]
        self._store.point(PREVIOUS, stack[-2])
        self._store.point(CHAMPION, stack[-1])

    def _notice(self, at: datetime) -> bool:
        """Record a champion alias that differs from the record; one that was deleted is put back."""
        recorded, actual = self._recorded(CHAMPION), self._store.behind(CHAMPION)
        if actual == recorded:
            return False
        if actual is None:
            self._change(ReleaseEvent(at, "hand_moved", str(recorded), _BY_HAND, "the alias was deleted; put back"))
        else:
            self._change(ReleaseEvent(at, "hand_moved", actual, _BY_HAND, f"moved from {recorded or 'nothing'}"))
        return True

    def _recorded(self, name: str) -> str | None:
        stack: list[str | None] = [None, None, *champions(self.history())]
        return stack[-1] if name == CHAMPION else stack[-2]
