"""A small shop on the evening before its gate, and the DAG that judges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from recsys_tasks.config import load_config
from recsys_tasks.database import create_engine, owner_url
from recsys_tasks.gate.decision import GateDecision, read_decision
from recsys_tasks.stages import STAGE_NAMES, STAGES_BY_DAG, Night
from tests.airflow import gate_plants as plants
from tests.stages.shop_nights import FIRST_NIGHT, SETTINGS

SILENT_NIGHT = FIRST_NIGHT + timedelta(days=8)


BEFORE_THE_DAG = STAGE_NAMES[: STAGE_NAMES.index(STAGES_BY_DAG["train_ranker"][0].name)]


@dataclass
class Gate:
    """A small shop on the evening before `train_ranker` runs, and that DAG."""

    night: Night
    dag: Any
    folder: Path
    patch: pytest.MonkeyPatch
    cases: int = 0

    def case(
        self,
        champion: str | None = None,
        as_of: date = FIRST_NIGHT,
        gate: Any = None,
        **changes: Any,
    ) -> Night:
        """A night with an empty registry, or with this release as champion of three days.

        `threads` makes each case's release another one, without changing what is learned.
        """
        self.cases += 1
        settings = {
            **SETTINGS,
            "project": f"case_{self.cases}",
            "resources": {"threads": self.cases, **changes},
        }
        settings["gate"] = {"min_users": 30, "min_slice_users": 30, **(gate or {})}
        settings["validation"] = {"allow_empty_days": True}
        path = self.folder / "recsys.yaml"
        path.write_text(yaml.safe_dump(settings))
        night = Night.open(load_config(path), self.night.environment, as_of)
        owner = create_engine(owner_url(night.environment))
        with owner.begin() as connection:
            for table in ("release_events", "gate_decision_rows"):
                connection.execute(
                    sa.text(f"ALTER TABLE recsys.{table} DISABLE TRIGGER append_only")
                )
                connection.execute(sa.text(f"TRUNCATE recsys.{table}"))
                connection.execute(
                    sa.text(f"ALTER TABLE recsys.{table} ENABLE TRIGGER append_only")
                )
        owner.dispose()
        for key in night.lake.keys("decision"):
            for artifact in night.lake.versions("decision", key):
                night.lake.remove(artifact)
        if champion:
            at, reference = (
                night.now - timedelta(days=3),
                night.lake.require("release", champion).reference,
            )
            night.registry.register(champion, reference, tags={}, at=at, who="test")
            night.registry.promote(champion, who="test", why="the planted champion", at=at)
        return night

    def run(self, night: Night, plant: plants.Plant = plants.nothing) -> GateDecision:
        """The real DAG for this night; its decision, which the table has too."""
        import recsys_airflow

        recsys_airflow.settings.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RECSYS_CONFIG", str(self.folder / "recsys.yaml"))
            plant(patch, night)
            run = self.dag.test(run_conf={"as_of": night.as_of.isoformat()})
        assert run.state == "success"
        decision = read_decision(night.lake.require("decision", night.as_of.isoformat()))
        assert rows(night)[-1:] == [(decision.challenger, decision.verdict, decision.paragraph)]
        print(f"\n\n{decision.paragraph}\n")
        return decision


def rows(night: Night) -> list[tuple[str, str, str]]:
    query = "SELECT challenger, verdict, paragraph FROM recsys.gate_decisions ORDER BY id"
    with night.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def failed(decision: GateDecision) -> set[str]:
    return {rule.name for rule in decision.rules if not rule.passed and rule.leads_to}
