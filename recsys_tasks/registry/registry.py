"""Releases in the MLflow model registry: which one is champion, and every change on record.

The alias `champion` of the registered model is the truth of what serves; `previous` is what a
rollback returns to; `anchor` is the champion of some time ago that a mere refresh must not fall
below; `shadow` is a release that someone marked, which no stage reads. Every change made here is
written down first (a tag on the registered model), then appended to `recsys.release_events`, then
done, then the tag removed, all under one PostgreSQL advisory lock. A change that was cut short is
finished by the next call, so an alias that differs from the record can only have been moved by
hand.

The first connection to an empty store creates its tables (about 6 s); `prepare` does it ahead.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from recsys_tasks.errors import ServingError
from recsys_tasks.gate.decision import GateDecision
from recsys_tasks.registry.audit import (
    ANCHOR,
    CHAMPION,
    NO_RELEASE,
    PREVIOUS,
    SET_BY,
    SHADOW,
    Audit,
    ReleaseEvent,
    aliases,
    since,
)
from recsys_tasks.registry.hand_moves import HandMove, MovedAlias, event_of
from recsys_tasks.registry.mlflow_store import MlflowStore, prepare

__all__ = ["ALIASES", "ANCHOR", "CHAMPION", "PREVIOUS", "SHADOW", "Registry", "prepare"]

log = logging.getLogger(__name__)
ALIASES = (CHAMPION, PREVIOUS, ANCHOR, SHADOW)
_UNKNOWN = "the pipeline never registered it"
# of the 5000 letters that a tag of MLflow holds; a whole paragraph is in recsys.gate_decisions
_LONGEST_WHY = 3000


class Registry:
    """The releases of one shop. `engine` is of the recsys database, `mlflow_url` a SQL store's URL.

    Every method may raise TransientError when the database cannot be reached. `at` is an aware
    time. `store` and `audit` are the two records that it keeps in step; nobody else changes them.
    """

    def __init__(self, mlflow_url: str, engine: Engine, model_name: str) -> None:
        self.store = MlflowStore(mlflow_url, model_name)
        self.audit = Audit(engine)
        self.model_name = model_name

    # --- reading -------------------------------------------------------------------------------

    def champion(self) -> str | None:
        """The release that serves; None before the first promotion."""
        return self.alias(CHAMPION)

    def alias(self, name: str) -> str | None:
        """The release behind an alias. Finishes a change that was cut short first."""
        if self.store.pending is not None:
            with self._locked():
                pass  # entering the lock finishes it
        return self.store.behind(name)

    def source(self, release: str) -> str:
        """Lake reference of a release. Raises ServingError when it was never registered."""
        return self.store.source(release)

    def history(self) -> list[ReleaseEvent]:
        """Every change, in the order made."""
        return self.audit.events()

    def since(self, alias: str) -> datetime | None:
        """When an alias came to where it stands."""
        return since(self.history(), alias)

    def judging(self, wait_seconds: float) -> AbstractContextManager[bool]:
        """One gate's turn, whoever runs it; False: another one did not finish within the wait."""
        return self.audit.turn(wait_seconds)

    # --- changing ------------------------------------------------------------------------------

    def register(
        self, release: str, source: str, *, tags: Mapping[str, str], at: datetime, who: str
    ) -> int:
        """Make a release known, once: repeating it returns the same version. `source` is a lake
        reference.
        """
        with self._locked():
            if not any(e.event == "registered" and e.release == release for e in self.history()):
                event = ReleaseEvent(at, "registered", release, who, f"made of {source}")
                self._change(event, added={"source": source, "tags": dict(tags)})
            return self.store.add(release, source, tags)

    def promote(self, release: str, *, who: str, why: str, at: datetime) -> None:
        """Make a release champion and the champion `previous`; a no-op when it is champion already.

        Raises ServingError when it was never registered.
        """
        with self._locked():
            self.store.source(release)
            self._notice(at)
            if self._recorded(CHAMPION) != release:
                self._change(ReleaseEvent(at, "promoted", release, who, why[:_LONGEST_WHY]))

    def rollback(self, *, who: str, why: str, at: datetime) -> str:
        """Return to the champion before this one, and name it. Raises ServingError when there is
        none.
        """
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
        """Record that a release was judged and not promoted; aliases stay. Repeating it adds
        nothing.
        """
        with self._locked():
            event = ReleaseEvent(at, "rejected", release, who, why)
            if event not in self.history():
                self.audit.append(event)

    def set_alias(
        self, name: str, release: str | None, *, who: str, why: str, at: datetime
    ) -> None:
        """Point the anchor or the shadow at a release, None takes it away; repeating the call adds
        nothing.

        Setting it again at another time is on record, too: an anchor's age counts from then.

        Raises ServingError when either is not allowed.
        """
        if name not in SET_BY:
            raise ServingError(
                expected=f"an alias among {', '.join(SET_BY)}",
                found=name,
                where=f"registry of {self.model_name}",
                remedy="use promote or rollback, which keep the record",
            )
        with self._locked():
            if release is not None:
                self.store.source(release)
            self._notice(at)
            event = ReleaseEvent(at, SET_BY[name], release or NO_RELEASE, who, why)
            if next((e for e in reversed(self.history()) if e.event == event.event), None) != event:
                self._change(event)

    def reconcile(self, at: datetime, validate: Callable[[str], str | None]) -> HandMove | None:
        """Notice aliases moved by hand; what became of the champion, None when it stood. Call it
        before serving.

        `validate(release)` says why a release cannot serve, None when it can. A move that cannot
        serve is undone; the move and its undoing are both on record.
        """
        with self._locked():
            move = self._reconciled(at, validate)
        if move is not None:
            log.warning("%s", move)
        return move

    def record_decision(
        self,
        decision: GateDecision,
        at: datetime,
        measured: Mapping[str, float],
        curves: Mapping[str, Sequence[tuple[int, float]]] | None = None,
    ) -> None:
        """Append a gate decision to its table, and log it as an MLflow run, once.

        `measured` are the challenger's figures, `curves` lines of (step, value) that MLflow draws.
        """
        self.audit.append_decision(decision, at)
        tags = {
            "verdict": decision.verdict,
            "champion": decision.champion or "",
            "paragraph": decision.paragraph,
        }
        rules = {
            f"rule/{rule.name}": rule.value for rule in decision.rules if rule.value is not None
        }
        self.store.log(
            f"{decision.challenger} {decision.as_of}", at, {**measured, **rules}, tags, curves
        )

    def record_tower(self, version: str, at: datetime, ledger: Mapping[str, Any]) -> None:
        """Log a tower version's ledger as an MLflow run, once; `version` is its lake reference."""
        figures = {
            name: float(value)
            for name, value in ledger.items()
            if isinstance(value, bool | int | float)
        }
        losses = ledger.get("loss") or ()
        figures |= {"loss": float(losses[-1])} if losses else {}
        words = {name: value for name, value in ledger.items() if isinstance(value, str)}
        self.store.log(version, at, figures, {**words, "kind": "tower"})

    # --- inside the lock -----------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.audit.locked():
            self._finish()
            yield

    def _change(self, event: ReleaseEvent, added: Mapping[str, Any] | None = None) -> None:
        """Make one change; `added`: source and tags of a release that it registers."""
        history = self.history()
        # The number of rows tells, after a crash, whether this event's row was written.
        pending = {"event": event.as_json(), "after": len(history), "added": added}
        self.store.write_pending(json.dumps(pending, ensure_ascii=False))
        self._finish()

    def _finish(self) -> None:
        """Complete the change written down last, from wherever it was cut short."""
        line = self.store.pending
        if line is None:
            return
        pending = json.loads(line)
        event = ReleaseEvent.from_json(pending["event"])
        if pending["added"]:
            self.store.add(event.release, **pending["added"])
        if event not in self.history()[pending["after"] :]:
            self.audit.append(event)
        self._move_aliases(self.history())
        self.store.clear_pending()

    def _move_aliases(self, events: list[ReleaseEvent]) -> None:
        # The champion last: it is what serves.
        for name, release in reversed(aliases(events).items()):
            self.store.point(name, release)

    def _reconciled(self, at: datetime, validate: Callable[[str], str | None]) -> HandMove | None:
        before, release = self._recorded(CHAMPION), self.store.behind(CHAMPION)
        if not self._notice(at):
            return None
        release = release or before or NO_RELEASE
        if self._recorded(CHAMPION) != release:
            return HandMove(release, before, _UNKNOWN)
        reason = validate(release)
        if reason is not None:
            self._undo(release, before, reason, at)
        return HandMove(release, before, reason)

    def _notice(self, at: datetime) -> bool:
        """Record aliases that differ from the record; whether the champion was one."""
        found = [(name, self._recorded(name), self.store.behind(name)) for name in ALIASES]
        moved = [
            MovedAlias(name, recorded, actual, actual is not None and self.store.knows(actual))
            for name, recorded, actual in found
            if recorded != actual
        ]
        # One after the other: each change sets all aliases by the record, which now has this one.
        for one in moved:
            self._change(event_of(one, self._recorded(CHAMPION), at))
            if one.name == CHAMPION and one.actual is not None and not one.known:
                self._undo(one.actual, one.recorded, _UNKNOWN, at)
        return any(one.name == CHAMPION for one in moved)

    def _undo(self, release: str, before: str | None, reason: str, at: datetime) -> None:
        why = f"{release} cannot serve: {reason}"
        self._change(ReleaseEvent(at, "rolled_back", before or NO_RELEASE, "registry", why))

    def _recorded(self, name: str) -> str | None:
        return aliases(self.history())[name]
