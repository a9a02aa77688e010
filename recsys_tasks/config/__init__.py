"""The one settings file, as frozen and checked values.

`load_config(path)` reads `include/recsys.yaml` and returns a `Config`, or raises one ConfigError
that lists every mistake at once. Nothing else reads the file or the variables RECSYS_*.
One module a subject: `shop`, `source`, `validation`, `features`, `tower`, `generators`, `ranking`,
`gate`, `serving` and `operations` have the sections; `root` puts them together, and `agreement`
has what must hold between them.
"""

from recsys_tasks.config.base import Section, TimeUnit
from recsys_tasks.config.connections import (
    EnvironmentConnection,
    connection_of_environment,
    connection_variable,
    required_connection,
)
from recsys_tasks.config.environment import (
    DEFAULT_CONFIG,
    PROJECT_ROOT,
    Environment,
    disable_telemetry,
    expand_variables,
    read_environment,
)
from recsys_tasks.config.features import FeaturesConfig
from recsys_tasks.config.gate import GateConfig
from recsys_tasks.config.generators import GeneratorsConfig
from recsys_tasks.config.hashing import config_hash
from recsys_tasks.config.impressions import Impressions
from recsys_tasks.config.load import load_config, parse_config, read_settings
from recsys_tasks.config.negatives import NegativeKind
from recsys_tasks.config.operations import (
    AlertsConfig,
    MonitoringConfig,
    ReportConfig,
    ResourcesConfig,
    ScheduleConfig,
)
from recsys_tasks.config.ranking import ItemRule, RankerConfig, RerankConfig, SearchConfig
from recsys_tasks.config.ratings import Rating
from recsys_tasks.config.root import Config
from recsys_tasks.config.serving import ServingConfig
from recsys_tasks.config.shop import (
    ActivityConfig,
    AfterDays,
    Attribute,
    EventKind,
    EventsTable,
    ItemsTable,
    Objective,
    UsersTable,
    Watch,
)
from recsys_tasks.config.source import ExtractConfig, SourceSettings
from recsys_tasks.config.statuses import Status
from recsys_tasks.config.tower import (
    EmbeddingsConfig,
    IndexConfig,
    TwoTowerConfig,
    WarmStartConfig,
)
from recsys_tasks.config.validation import ValidationConfig

__all__ = [
    "DEFAULT_CONFIG",
    "PROJECT_ROOT",
    "ActivityConfig",
    "AfterDays",
    "AlertsConfig",
    "Attribute",
    "Config",
    "EmbeddingsConfig",
    "Environment",
    "EnvironmentConnection",
    "EventKind",
    "EventsTable",
    "ExtractConfig",
    "FeaturesConfig",
    "GateConfig",
    "GeneratorsConfig",
    "Impressions",
    "IndexConfig",
    "ItemRule",
    "ItemsTable",
    "MonitoringConfig",
    "NegativeKind",
    "Objective",
    "RankerConfig",
    "Rating",
    "ReportConfig",
    "RerankConfig",
    "ResourcesConfig",
    "ScheduleConfig",
    "SearchConfig",
    "Section",
    "ServingConfig",
    "SourceSettings",
    "Status",
    "TimeUnit",
    "TwoTowerConfig",
    "UsersTable",
    "ValidationConfig",
    "WarmStartConfig",
    "Watch",
    "config_hash",
    "connection_of_environment",
    "connection_variable",
    "disable_telemetry",
    "expand_variables",
    "load_config",
    "parse_config",
    "read_environment",
    "read_settings",
    "required_connection",
]
