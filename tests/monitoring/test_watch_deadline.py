"""The regular look where the shop says by when its readers expect their lists."""

from __future__ import annotations

import yaml
from sqlalchemy.engine import Engine

from recsys_tasks.config import Environment
from tests.monitoring.watched import Watch, finish_stages, open_now, raised
from tests.serving.nights import publish_night, stock


def test_readers_deadline_is_when_a_night_is_missed_and_every_alert_says_what_is_left(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    settings = yaml.safe_load(environment.config_path.read_text())
    promised = {"timezone": "Europe/Amsterdam", "nightly": "0 2 * * *", "ready_by": "03:30"}
    settings["schedule"] = promised
    environment.config_path.write_text(yaml.safe_dump(settings))
    stock(writer)
    publish_night(writer, 0)
    finish_stages(writer, 1, ["extract"])
    watch(1, 0.5, paused=("validate_data",))  # 02:30 in Amsterdam
    (paused,) = raised(environment)
    assert paused.reader_state.endswith(
        "; readers' deadline 03:30 Europe/Amsterdam, 1 h 0 min left"
    )
    watch(1, 1.4)
    assert open_now(environment) == []
    watch(1, 1.5)
    missed = raised(environment)[-1]
    assert (missed.kind, missed.as_of) == ("missed_night", "2026-03-02")
    assert "was due at 2026-03-02 02:00 Europe/Amsterdam" in missed.message
    assert missed.reader_state == (
        "readers keep the lists of 2026-03-01, 1 night behind; readers' deadline 03:30"
        " Europe/Amsterdam, passed 0 min ago"
    )


def test_wrong_settings_name_the_night_that_started_last_by_the_shops_clocks(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    """23:00 in Los Angeles on the first is 07:00 UTC of the second: the night of the first."""
    stock(writer)
    publish_night(writer, 0)
    settings = yaml.safe_load(environment.config_path.read_text())
    settings["schedule"] = {"timezone": "America/Los_Angeles", "nightly": "0 23 * * *"}
    environment.config_path.write_text(yaml.safe_dump(settings) + "nonsense: 1\n")
    watch(1, 7)  # 08:00 UTC
    (alert,) = raised(environment)
    assert alert.kind == "ConfigError" and '{"as_of": "2026-03-01"}' in alert.remedy
