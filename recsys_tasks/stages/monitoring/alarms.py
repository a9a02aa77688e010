"""The night's figures handed to every monitor, built in or installed, and its alarms raised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from recsys_tasks.errors import ConfigError, TransientError
from recsys_tasks.monitoring.alarms import ALARMS, AlarmKind, NightFigures
from recsys_tasks.monitoring.alarms.figures import REALISED, WEEKS
from recsys_tasks.monitoring.lists.recorded import recorded_figures
from recsys_tasks.stages.alarms import raise_alarm
from recsys_tasks.stages.night import Night


def night_figures(
    night: Night,
    before: Night | None,
    measured: Mapping[str, Mapping[str, float]],
    *,
    same_release: bool,
) -> NightFigures:
    """What tonight measured, what other stages recorded of the night, and four weeks before."""
    oldest = (before or night).as_of - timedelta(weeks=WEEKS)
    earlier = recorded_figures(night.engine, oldest, night.as_of)
    recorded = {
        scope: figures
        for scope, figures in earlier.pop(night.as_of, {}).items()
        if not scope.startswith(REALISED)  # those in the table are of tonight's own lists
    }
    return NightFigures(
        as_of=night.as_of,
        config=night.config,
        tonight={**recorded, **measured},
        earlier=earlier,
        realised_of=before.as_of if before is not None else None,
        same_release=same_release,
    )


def raise_alarms(night: Night, figures: NightFigures) -> int:
    """Raise the alarms of every monitor, the built-in ones first; how many there were.

    Raises ConfigError for an installed monitor that cannot be loaded or that raises, once all
    others have looked.
    """
    built_in = [found.extension for found in ALARMS.built_in()]
    raised = sum(_looked(night, figures, kind) for kind in built_in)
    broken: list[tuple[str, Exception]] = []
    for name in [name for name in ALARMS.known_names() if name not in {k.name for k in built_in}]:
        try:
            raised += _looked(night, figures, ALARMS.get(name))
        except (TransientError, ConfigError):
            raise
        except Exception as error:
            broken.append((name, error))
    if broken:
        name, first = broken[0]
        raise ConfigError(
            expected="an alarm of an installed package that looks at a night's figures",
            found=f"{name} raised {type(first).__name__}: {first}",
            where=f"entry point group {ALARMS.group}, {ALARMS.found[name].package}",
            remedy="correct the package, or uninstall it; all other alarms were raised",
        ) from first
    return raised


def _looked(night: Night, figures: NightFigures, kind: AlarmKind) -> int:
    alarms = list(kind.look(figures)) if kind.look is not None else []
    for alarm in alarms:
        raise_alarm(night, alarm, kind.remedy)
    return len(alarms)
