"""From the shop's tables to a frozen, validated snapshot."""

from recsys_tasks.config import disable_telemetry

disable_telemetry()
