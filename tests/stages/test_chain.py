"""The stages as they declare themselves, and the chain that orders them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from recsys_tasks import stages
from recsys_tasks.dag_names import CHAIN as DAGS
from recsys_tasks.errors import ConfigError
from recsys_tasks.lake.kinds import catalogue
from recsys_tasks.stages import AFTER_APPROVAL, CHAIN, NIGHT, stage_named
from recsys_tasks.stages.runner import run_on

FOLDER = Path(stages.__file__).parent
DECLARED = {
    path.stem
    for path in FOLDER.glob("*.py")
    if any(line.startswith("STAGE = ") for line in path.read_text().splitlines())
}


def test_every_file_with_a_stage_is_in_the_chain_under_its_own_name() -> None:
    assert {stage.name for stage in (*NIGHT, AFTER_APPROVAL)} == DECLARED


def test_every_dag_of_a_night_has_stages_and_the_report_alone_is_in_two() -> None:
    assert tuple(CHAIN) == DAGS and all(CHAIN.values())
    assert [name for name, n in Counter(s.name for s in NIGHT).items() if n > 1] == ["report"]


def test_each_asset_is_emitted_once_and_the_dag_after_the_last_one_ends_the_night() -> None:
    emitted = [stage.emits for stage in NIGHT if stage.emits]
    assert len(emitted) == len(set(emitted)) == len(CHAIN) - 1


def test_what_a_stage_reads_was_made_before_it_or_on_a_night_before() -> None:
    made = {kind for stage in NIGHT for kind in stage.makes}
    for stage in NIGHT:
        assert set(stage.reads) <= made, stage.name


def test_every_kind_of_artifact_is_made_by_a_stage_but_what_an_erasure_keeps() -> None:
    assert {kind for stage in NIGHT for kind in stage.makes} == set(catalogue()) - {"erased"}


def test_a_name_that_is_no_stage_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="one of extract, freeze"):
        stage_named("learn")


@pytest.mark.parametrize(("name", "shard"), [("precompute_shard", None), ("extract", 0)])
def test_a_shard_that_is_lacking_or_too_much_is_refused(name: str, shard: int | None) -> None:
    with pytest.raises(ConfigError, match=f"{name} with"):
        run_on(None, name, shard)  # type: ignore[arg-type]  # nothing is opened before
