"""Schedules, alarms, alert channels, the run report and what the machine gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Literal

from pydantic import Field, field_validator

from recsys_tasks.config import cron
from recsys_tasks.config.base import (
    ClockTime,
    NonNegativeInt,
    PositiveDays,
    PositiveFloat,
    PositiveInt,
    Section,
    Share,
    TimeZoneName,
)
from recsys_tasks.config.nights import Nights


class MonitoringConfig(Section):
    """Alarms on published lists."""

    stale_after_hours: PositiveFloat = 30.0
    """Age of the newest publication that raises an alert."""
    late_after_hours: PositiveFloat | None = None
    """Hours after `schedule.nightly` by which a night's lists must be published, else it is missed
    and raises an alert; null: `schedule.ready_by`; without that, twice what the last two weeks'
    nights took (the median), at least 2 and at most 6, and 4 before there were any."""
    least_free_share: Share = 0.05
    """Share of a file system of the home, or of a local lake, that must be free, else it raises an
    alarm; 0: never."""
    max_clock_seconds: PositiveFloat = 60.0
    """Seconds by which the clock of a machine that runs stages may differ from PostgreSQL's, else
    it raises an alarm."""
    max_list_churn: Share = 0.95
    """Largest share of the first k ranks that may change between two nights of one release."""
    max_psi: PositiveFloat = 0.25
    """Population stability index that raises a drift alarm: the newest day's kinds of event against
    the four weeks before, and the scores of tonight's lists against the last ones of the same
    release."""
    max_quality_drop: Share = 0.3
    """Share that the realised NDCG@10 may lie below the median of the four weeks before."""
    max_calibration_ratio: PositiveFloat = 1.0
    """Largest calibration error of published scores, beyond chance, divided by the rate that they
    said or that came true, whichever is less; above it raises an alarm. 1: off by a factor of two.
    """
    calibration_positives: PositiveInt = 100
    """Fewest places that came true (or should have, by their scores) to judge calibration by: lists
    of one night or, where these are too few, with those of up to three nights before, a label
    window apart."""
    unusual_times: Annotated[float, Field(ge=2)] | None = 6
    """A night's figure (users with a list, coverage, short and identical lists, the heavy ranker's
    share, seconds, processor seconds, memory) raises an alarm where it is so many times its usual
    deviation away from the median of the four weeks before; null: none does."""
    outcome_days: Annotated[int, Field(ge=1, le=7)] = 1
    """Days after a night's cutoff within which what a user does with an item of the list counts as
    its outcome (`recsys.outcomes`). Of more than one, an event counts for several nights' lists."""
    history_nights: PositiveInt = 90
    """Nights, back from what readers see, of which counts by item, by list, by place and by group
    of users, and detailed metrics are kept, also after their lists are gone."""
    explained_users: NonNegativeInt = 100
    """Users of `recsys.user_sample` whose places are explained by the features that moved their
    score most (`recsys.place_reasons`), after the lists are published; 0: none. Of any other
    user, `recsys place-reasons USER` says it."""
    figure_nights: PositiveInt = 1100
    """Nights of which the metrics behind the view `nights` are kept, some 150 rows a night; not
    fewer than `history_nights`."""


class ReportConfig(Section):
    """The night's run report."""

    sample_users: NonNegativeInt = 4
    """Users whose lists are shown with reasons; 0: none, and no user id is in the report."""
    size_curve: bool = False
    """Train the light ranker again on shares of its users, to show whether more data would still
    help.
    """


class AlertsConfig(Section):
    """Where alerts go; every alert is also a row of recsys.alerts."""

    slack_connection: str | None = "slack_alerts"
    """Airflow connection id of a Slack incoming webhook; used where it exists."""
    webhook_connection: str | None = "alert_webhook"
    """Airflow connection id of a generic JSON webhook (HTTP); used where it exists."""
    email_connection: str | None = "email_alerts"
    """Airflow connection id of an SMTP server (type smtp), with `from_email` and `to` among its
    extra fields; used where it exists."""
    teams_connection: str | None = "teams_alerts"
    """Airflow connection id whose password is the URL of a Microsoft Teams workflow; used where it
    exists."""
    pagerduty_connection: str | None = "pagerduty_alerts"
    """Airflow connection id whose password is the routing key of a PagerDuty integration (Events
    API v2); used where it exists."""
    heartbeat_connection: str | None = "heartbeat"
    """Airflow connection id whose password (or host) is a URL that is called after each good night,
    of a service that calls people when a call stays away; used where it exists."""
    least_severity: Mapping[str, Literal["critical", "warning", "info"]] = {"pagerduty": "critical"}
    """Channel → the least severity that it gets, e.g. `{pagerduty: critical, email: warning}`; a
    channel that is not named gets all."""
    digest: tuple[str, ...] = ("info",)
    """Severities, and kinds of alert such as `drift`, that can wait: channels get those of a day in
    one message, and none on a day without any."""
    digest_at: ClockTime = "09:00"
    """Time of day in `schedule.timezone` from which that message is sent."""
    runbook_base: str = "include/runbooks"
    """Folder or URL that the alert's runbook link starts with."""


class ScheduleConfig(Section):
    """Crons of the DAGs that no asset triggers (the others follow by assets), and how tasks are
    tried again.
    """

    timezone: TimeZoneName = "UTC"
    """Time zone of the crons, e.g. `Europe/Amsterdam`. Each day there has one night, also where
    clocks change: what is due at a time that they skip starts so long after them (02:30 at 03:30),
    and at the second of a time that occurs twice. The night has the date of that day; the day
    before, all year, where it can start before 00:00 UTC of its own (at 01:00 in `Asia/Tokyo`)."""
    nightly: str = "0 1 * * *"
    """validate_data, and after it every other DAG of the night."""
    ready_by: ClockTime | None = None
    """Time of day in that zone by which readers expect a night's lists, e.g. `"06:00"`: later the
    night is missed, and until then alerts say how much time is left; null:
    `monitoring.late_after_hours`."""
    watch_freshness: str = "*/10 * * * *"
    """watch_freshness: an alert of what fails nowhere comes up to so much later."""
    maintain_storage: str = "0 12 * * 0"
    """maintain_storage."""
    fire_drill: str | None = "0 10 * * 1"
    """fire_drill: sends a test message through every alert channel, and an alert where one does not
    take it; null: never by itself."""
    train_ranker_every_days: PositiveDays = 1
    """A night on which the ranker is not due serves with the champion."""
    train_two_tower_every_days: PositiveDays = 1
    """A night on which the tower is not due serves with the newest version of its lineage."""
    retry_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 60
    """How long a night's task tries again while a database, a storage, a network or memory fails;
    an error in data, settings or code, a full disk and a read-only one are told at once."""
    retry_first_seconds: Annotated[float, Field(gt=0, le=3600)] = 30
    """Wait before the first retry; each is twice as long as the one before, up to 15 minutes, and
    up to a quarter longer by chance. Clearing a task begins anew."""
    limit_minutes: Mapping[str, Annotated[float, Field(gt=0, le=7 * 24 * 60)]] = {}
    """Minutes that a try of a stage may take, e.g. `{train_two_tower: 720}`. Of a stage that is not
    named, the limit in its task's documentation in Airflow: 1 hour to 6."""
    first_try_times: Annotated[float, Field(ge=2)] | None = 10
    """Under Airflow, the first try of a stage is ended after so many times its longest run of the
    last 14 nights, at 15 minutes at the earliest, so that what hangs is tried again soon; later
    tries may take the whole limit. null: the first one, too."""
    dag_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]*$", max_length=100)] = ""
    """Stands before the ids of DAGs and the names of assets, such as `shop_a_`: several shops, or
    development and production, then live in one Airflow, each with a DAG processor and workers of
    its own RECSYS_CONFIG and RECSYS_HOME. Alerts' commands name DAGs with it, runbooks without."""

    @field_validator("nightly", "watch_freshness", "maintain_storage", "fire_drill")
    @classmethod
    def _fires(cls, expression: str | None) -> str | None:
        """Airflow turns a cron that it cannot keep into a DAG that never runs."""
        if expression is not None and (words := cron.mistake(expression)):
            raise ValueError(words)
        return expression

    @property
    def nights(self) -> Nights:
        """When nights start, and their dates."""
        ready_by = time.fromisoformat(self.ready_by) if self.ready_by else None
        return Nights(self.nightly, self.timezone, ready_by)


class ResourcesConfig(Section):
    """Threads and seeds."""

    threads: PositiveInt = 2
    """Threads of each library within one task."""
    seed: int = 1
    """Seed of every random draw."""
