"""Alarms and alerts, the run report, and the figures of published lists."""
