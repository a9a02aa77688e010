"""The night's figures handed to every monitor, built in or installed, and its alarms raised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import Engine

from recsys_tasks.config import Config
from recsys_tasks.errors import ConfigError, TransientError
from recsys_tasks.monitoring.alarms import ALARMS, AlarmKind, NightFigures
from recsys_tasks.monitoring.alarms.figures import REALISED, WEEKS
from recsys_tasks.monitoring.lists.recorded import recorded_figures
from recsys_tasks.stages.alarms import OnCall


def night_figures(
    engine: Engine,
    config: Config,
    as_of: date,
    before: date | None,
    measured: Mapping[str, Mapping[str, float]],
    *,
    same_release: bool,
) -> NightFigures:
    """What the night measured, what other stages recorded of it, and four weeks before; `before` is
    the night whose lists `measured` tells of.
    """
    oldest = (before or as_of) - timedelta(weeks=WEEKS)
    earlier = recorded_figures(engine, oldest, as_of)
    recorded = {
        scope: figures
        for scope, figures in earlier.pop(as_of, {}).items()
        if not scope.startswith(REALISED)  # those in the table are of tonight's own lists
    }
    return NightFigures(
        as_of=as_of,
        config=config,
        tonight={**recorded, **measured},
        earlier=earlier,
        realised_of=before,
        same_release=same_release,
    )


def raise_alarms(on_call: OnCall, figures: NightFigures) -> int:
    """Raise the alarms of every monitor, the built-in ones first; how many there were.

    Raises ConfigError for an installed monitor that cannot be loaded or that raises, once all
    others have looked.
    """
    built_in = [found.extension for found in ALARMS.built_in()]
    raised = sum(_looked(on_call, figures, kind) for kind in built_in)
    broken: list[tuple[str, Exception]] = []
    for name in [name for name in ALARMS.known_names() if name not in {k.name for k in built_in}]:
        try:
            raised += _looked(on_call, figures, ALARMS.get(name))
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


def _looked(on_call: OnCall, figures: NightFigures, kind: AlarmKind) -> int:
    alarms = list(kind.look(figures)) if kind.look is not None else []
    for alarm in alarms:
        on_call.tell(alarm, kind.remedy)
    return len(alarms)
