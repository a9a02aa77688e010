from __future__ import annotations

from pathlib import Path

import pytest

from recsys_tasks.config import PROJECT_ROOT, Environment
from recsys_tasks.errors import ConfigError
from recsys_tasks.launcher.__main__ import nights_by_themselves
from recsys_tasks.launcher.stack import PARTS, alone_in

EXAMPLES = PROJECT_ROOT / "include" / "examples"


def environment(path: Path) -> Environment:
    return Environment(
        home=path.parent, lake="", database_url=None, mlflow_url=None, config_path=path
    )


def test_a_second_launcher_of_a_home_is_told_how_to_run_a_night_there(tmp_path: Path) -> None:
    first = alone_in(tmp_path)
    with pytest.raises(ConfigError, match="no other launcher") as caught:
        alone_in(tmp_path)
    assert "airflow dags trigger validate_data" in caught.value.remedy
    alone_in(tmp_path / "other").close()
    first.close()
    alone_in(tmp_path).close()


def test_the_screen_says_whether_nights_start_by_themselves(tmp_path: Path) -> None:
    assert nights_by_themselves(environment(EXAMPLES / "my-shop.yaml")) == (
        "Nights start by themselves: '0 1 * * *' (cron, UTC)"
    )
    said = nights_by_themselves(environment(EXAMPLES / "online-retail-ii.yaml"))
    assert said.startswith("No night starts by itself") and "`clock: wall`" in said
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("project: 1\nnonsense: 2\n")
    assert "recsys config check" in nights_by_themselves(environment(wrong))


def test_no_part_serves_logs_to_the_network() -> None:
    """Airflow's server for them listens on every address, and cannot be told another."""
    assert "--skip-serve-logs" in PARTS["scheduler"]
