"""Ids of DAGs with a shop's prefix, and back."""

from __future__ import annotations

import pytest

from recsys_tasks.dag_names import NIGHTLY_DAGS, OTHER_DAGS, dag_id, plain_name, prefix_of


@pytest.mark.parametrize("prefix", ["", "shop_a_", "dev.", "train_ranker"])
@pytest.mark.parametrize("name", [*NIGHTLY_DAGS, *OTHER_DAGS])
def test_an_id_gives_back_its_name_and_its_prefix(name: str, prefix: str) -> None:
    known_as = dag_id(name, prefix)
    assert (plain_name(known_as), prefix_of(known_as)) == (name, prefix)


def test_an_id_of_somebody_else_is_its_own_name() -> None:
    assert (plain_name("billing"), prefix_of("billing")) == ("billing", "")
