"""The whole settings file as one value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, PrivateAttr, SerializeAsAny, field_validator, model_validator

from recsys_tasks.config import agreement
from recsys_tasks.config.base import Days, Name, PositiveDays, Section
from recsys_tasks.config.eligibility import EligibilityConfig, eligibility_mistakes
from recsys_tasks.config.features import FeaturesConfig
from recsys_tasks.config.gate import GateConfig
from recsys_tasks.config.generators import GeneratorsConfig, without_settings
from recsys_tasks.config.operations import (
    AlertsConfig,
    MonitoringConfig,
    ReportConfig,
    ResourcesConfig,
    ScheduleConfig,
)
from recsys_tasks.config.plugins import PluginSettings, checked_plugins
from recsys_tasks.config.ranking import RankerConfig, RerankConfig
from recsys_tasks.config.serving import ServingConfig
from recsys_tasks.config.shop import (
    ActivityConfig,
    AfterDays,
    EventsTable,
    ItemsTable,
    Objective,
    UsersTable,
)
from recsys_tasks.config.source import ExtractConfig, SourceSettings, checked_source
from recsys_tasks.config.tower import EmbeddingsConfig, IndexConfig, TwoTowerConfig
from recsys_tasks.config.validation import ValidationConfig


class Config(Section):
    """The whole settings file."""

    project: Name
    """Name of the shop; also the registered model's."""
    clock: Literal["wall", "simulated"] = "wall"
    """simulated: `now` is as_of 01:00 UTC, so that history is not years stale."""
    source: SerializeAsAny[SourceSettings]
    """Where rows come from."""
    users: UsersTable = UsersTable()
    """The users table."""
    items: ItemsTable = ItemsTable()
    """The items table."""
    events: EventsTable = EventsTable()
    """The interactions table."""
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    """What the rankers learn."""
    repeat_consumption: Literal["allow", "forbid"] | AfterDays = "allow"
    """Whether an item that the user had any event with before the night's cutoff may be recommended
    again, on any path: own lists, spares, top-ups and fallbacks."""
    # Left out of hashes where unset.
    eligibility: EligibilityConfig = Field(
        default=EligibilityConfig(), exclude_if=lambda given: not given.rules
    )
    """Which items a user may be shown, by attributes of both."""
    label_window_days: PositiveDays = 7
    """W: labels, the gate and the scores' meaning all span this many days."""
    learning_lag_days: Days = 0
    """Days by which learned parameters end before the histories (papers' leave-one-out: 1)."""
    min_history_days: PositiveDays = 14
    """Days of data a label window needs before it."""
    activity: ActivityConfig = ActivityConfig()
    """Who gets a list of their own."""
    extract: ExtractConfig = ExtractConfig()
    """What a night reads anew."""
    validation: ValidationConfig = ValidationConfig()
    """The data checks."""
    features: FeaturesConfig = FeaturesConfig()
    """Feature windows."""
    two_tower: TwoTowerConfig = TwoTowerConfig()
    """The retrieval model."""
    index: IndexConfig = IndexConfig()
    """The index."""
    embeddings: EmbeddingsConfig = EmbeddingsConfig()
    """Vectors to use elsewhere."""
    generators: GeneratorsConfig = GeneratorsConfig()
    """Candidate quotas."""
    ranker: RankerConfig = RankerConfig()
    """The rankers."""
    rerank: RerankConfig = RerankConfig()
    """Business rules."""
    gate: GateConfig = GateConfig()
    """The release gate."""
    serving: ServingConfig = ServingConfig()
    """The published lists."""
    monitoring: MonitoringConfig = MonitoringConfig()
    """Alarms."""
    report: ReportConfig = ReportConfig()
    """The run report."""
    alerts: AlertsConfig = AlertsConfig()
    """Alert channels."""
    schedule: ScheduleConfig = ScheduleConfig()
    """When things run."""
    resources: ResourcesConfig = ResourcesConfig()
    """Threads and seeds."""
    # Left out of hashes where empty: a home without plug-ins goes on as it is.
    plugins: Mapping[str, PluginSettings] = Field(
        default={}, exclude_if=lambda plugins: not plugins
    )
    """Settings of installed plug-ins by their names, each block as its plug-in's model has it
    (docs/extending.md)."""
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path | None:
        """Where the settings file is: what a relative path of `source` starts from; None without a
        file.
        """
        return self._folder

    def read_in(self, folder: Path) -> Self:
        """These settings as read from a file in this folder."""
        placed = self.model_copy()
        placed._folder = folder
        return placed

    @model_validator(mode="before")
    @classmethod
    def _without_settings_is_off(cls, given: Any) -> Any:
        """An installed generator that cannot do without settings proposes nothing in a shop that
        has none of it; asked for all the same, it is a mistake.
        """
        if not isinstance(given, dict):
            return given
        plugins, quotas = given.get("plugins") or {}, given.get("generators") or {}
        if not isinstance(plugins, Mapping) or not isinstance(quotas, Mapping):
            return given
        lacking = sorted(without_settings(plugins))
        if wrong := [name for name in lacking if quotas.get(name)]:
            raise ValueError(
                f"generators: {', '.join(wrong)} cannot do without settings: write a block of"
                f" plugins for each, or 0 here"
            )
        return (
            {**given, "generators": {**quotas, **dict.fromkeys(lacking, 0)}} if lacking else given
        )

    @field_validator("source", mode="before")
    @classmethod
    def _of_its_kind(cls, given: Any) -> SourceSettings:
        return checked_source(given)

    @field_validator("plugins", mode="before")
    @classmethod
    def _of_installed_plugins(cls, given: Any) -> dict[str, BaseModel]:
        return checked_plugins(given)

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        mistakes = [
            *agreement.attribute_mistakes(self.users, self.items),
            *agreement.event_mistakes(self.events, self.source),
            *agreement.items_mistakes(self.source, self.items),
            *agreement.objective_mistakes(self.objectives, self.items, self.events),
            *agreement.bought_mistakes(self.serving, self.events),
            *agreement.segment_mistakes(self.users),
            *eligibility_mistakes(self.eligibility, self.users, self.items),
            *agreement.rerank_mistakes(self.rerank, self.items),
            *agreement.approval_mistakes(self.gate, self.schedule),
            *agreement.schedule_mistakes(self.schedule),
            *agreement.lateness_mistakes(self.monitoring, self.schedule),
        ]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    @property
    def bans_or_rules(self) -> bool:
        """Whether a negative event or a rule may forbid single users what others may see."""
        return bool(self.events.negatives or self.eligibility.rules)

    @property
    def event_codes(self) -> dict[str, int]:
        """Kind of event → its small integer code, in declared order."""
        return {kind.name: code for code, kind in enumerate(self.events.kinds)}

    @property
    def bought_codes(self) -> tuple[int, ...]:
        """Codes of the kinds by which users buy."""
        most = max(kind.weight for kind in self.events.kinds)
        names = self.serving.bought_by
        return tuple(
            code
            for code, kind in enumerate(self.events.kinds)
            if (kind.weight == most if names is None else kind.name in names)
        )

    @property
    def event_weights(self) -> tuple[float, ...]:
        """Weight of each event code."""
        return tuple(kind.weight for kind in self.events.kinds)

    def objective_codes(self, objective: Objective) -> tuple[int, ...]:
        """Event codes that fulfil the objective."""
        return tuple(self.event_codes[name] for name in objective.events)
