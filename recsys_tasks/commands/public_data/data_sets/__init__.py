"""Public data sets that `recsys import` knows, a file each with an attribute `DATA_SET`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from recsys_tasks.commands.public_data.data_set import DataSet


def data_sets() -> Iterator[DataSet]:
    """Every data set, in the order of the files' names; nothing else lists them."""
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        found = vars(importlib.import_module(f"{__name__}.{info.name}")).get("DATA_SET")
        if isinstance(found, DataSet):
            yield found
