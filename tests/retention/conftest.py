"""One night of a small shop, whole and real, for tests that damage, take out and erase what it
left.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recsys_tasks.stages import Night
from tests.stages.finished_nights import finished_first_night, running_copy


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    finished = finished_first_night(tmp_path_factory)
    with running_copy(finished.folder, tmp_path_factory.mktemp("stored")) as (_, first, _):
        yield first
