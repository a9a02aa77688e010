"""A tower's chain of versions: warm nights, controls, and what a changed shop means."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from unittest.mock import patch

import pytest

from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Attribute, ItemsTable, UsersTable
from recsys_tasks.retrieval.tower import warm_start
from recsys_tasks.retrieval.tower.embed import embed
from recsys_tasks.retrieval.tower.lineage import (
    advance_lineage,
    current_lineage,
    keep_up,
    lineage_hash,
    tower_at,
)
from recsys_tasks.retrieval.tower.versions import (
    lineages_of,
    serving_at,
    snapshot_for,
    versions_of,
    why_cold,
)
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.tower.small_towers import (
    DAY_10,
    DAY_12,
    DAY_14,
)
from tests.retrieval.tower_world import group_config, group_events, group_items, group_snapshot
from tests.worlds import make_config, make_snapshot, rewrite


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return group_snapshot(tmp_path_factory.mktemp("lake"), group_config(epochs=2), "2024-10-18", 14)


class TestChain:
    def test_cold_at_the_oldest_cutoff_then_warm(self, tmp_path: Path) -> None:
        snapshot = group_snapshot(tmp_path, group_config(epochs=1), "2024-10-18", 14)
        versions = advance_lineage(snapshot, [DAY_14, DAY_10, DAY_12], DAY_14)
        assert [v.learned_before for v in versions] == [DAY_10, DAY_12, DAY_14]
        assert [v.ledger["start"] for v in versions] == ["cold", "warm", "warm"]
        assert len({v.lineage for v in versions}) == 1
        again = advance_lineage(snapshot, [DAY_12, date(2024, 10, 17)], DAY_14)
        # 10-17 is served by the version of 10-16; nothing is trained.
        assert [v.learned_before for v in again] == [DAY_12, DAY_12]
        lineage = versions[0].lineage
        assert versions_of(snapshot.lake, lineage) == [DAY_10, DAY_12, DAY_14]
        assert tower_at(snapshot.lake, lineage, date(2024, 10, 13)) is None
        assert current_lineage(snapshot.lake, snapshot.config, DAY_14) == lineage

    def test_a_corrected_day_trains_tonights_version_again_and_nothing_else(
        self, tmp_path: Path
    ) -> None:
        config = group_config(epochs=1)
        first = advance_lineage(
            group_snapshot(tmp_path, config, "2024-10-18", 14), [DAY_12, DAY_14], DAY_14
        )
        same = advance_lineage(
            group_snapshot(tmp_path, config, "2024-10-18", 14), [DAY_12, DAY_14], DAY_14
        )
        assert [v.artifact.reference for v in same] == [v.artifact.reference for v in first]
        corrected = group_snapshot(
            tmp_path, config, "2024-10-18", 13
        )  # the last day's rows were withdrawn
        again = advance_lineage(corrected, [DAY_12, DAY_14], DAY_14)
        assert again[0].artifact.reference == first[0].artifact.reference
        assert again[1].artifact.reference != first[1].artifact.reference
        assert again[1].ledger["parent"] == first[0].artifact.key

    def test_an_old_lineage_and_an_earlier_cutoff_start_a_new_one(self, tmp_path: Path) -> None:
        snapshot = group_snapshot(tmp_path, group_config(epochs=1), "2024-10-18", 14)
        first = advance_lineage(snapshot, [DAY_12], DAY_14)[0]
        earlier = advance_lineage(snapshot, [DAY_10, DAY_12], DAY_14)[0]
        assert earlier.lineage != first.lineage
        # Both have a version at DAY_12; the one that reaches further back is the night's.
        assert lineages_of(snapshot.lake, snapshot.config, DAY_14) == [
            earlier.lineage,
            first.lineage,
        ]
        # The first night reached 6 weeks back at most; 90 nights after it both are due for a cold
        # start.
        assert current_lineage(snapshot.lake, snapshot.config, date(2025, 2, 20)) == earlier.lineage
        assert current_lineage(snapshot.lake, snapshot.config, date(2025, 3, 5)) is None

    def test_where_much_is_new_a_version_is_trained_cold_in_its_lineage(
        self, tmp_path: Path
    ) -> None:
        # Of 14 days, 2 are new at DAY_14: a seventh of the events, more than a tenth and less than
        # a fifth.
        for share, start in ((0.1, "cold"), (0.2, "warm")):
            config = group_config(epochs=1, warm_start={"max_new_share": share})
            snapshot = group_snapshot(tmp_path / start, config, "2024-10-18", 14)
            first, second = advance_lineage(snapshot, [DAY_12, DAY_14], DAY_14)
            assert (second.lineage, second.ledger["start"]) == (first.lineage, start)
            assert second.ledger["parent"] == first.artifact.key

    def test_a_version_below_its_floor_is_no_start_for_the_next(self, tmp_path: Path) -> None:
        snapshot = group_snapshot(tmp_path, group_config(epochs=1), "2024-10-18", 14)
        first, failed = advance_lineage(snapshot, [DAY_10, DAY_12], DAY_14)
        rewrite(failed.artifact, "ledger.json", '"refresh_ok": true', '"refresh_ok": false')
        assert serving_at(snapshot.lake, first.lineage, DAY_14) == first
        last = advance_lineage(snapshot, [DAY_10, DAY_14], DAY_14)[-1]
        assert last.ledger["parent"] == first.artifact.key
        # Of 76 users that are not held out, four days' events, not the two since the version that
        # failed.
        assert last.ledger["examples"] > 1.5 * failed.ledger["examples"]

    def test_warm_nights_and_validation_may_be_set_anew_within_a_lineage(self) -> None:
        config = group_config()
        assert lineage_hash(config) == lineage_hash(group_config(warm_start={"refresh_floor": 0.5}))
        (kind,) = config.items.attributes
        stricter = config.items.model_copy(
            update={"attributes": (kind.model_copy(update={"required": True}),)}
        )
        assert lineage_hash(config) == lineage_hash(config.model_copy(update={"items": stricter}))

    def test_a_changed_model_starts_a_lineage_that_says_why_and_the_old_one_goes_on(
        self, tmp_path: Path
    ) -> None:
        before = group_snapshot(tmp_path, group_config(epochs=1), "2024-10-16", 12)
        old = advance_lineage(before, [DAY_10], DAY_12)[0]
        assert old.ledger["why"] == "the first version"
        changed = group_config(epochs=1, dimensions=8).model_copy(update={"users": UsersTable()})
        snapshot = group_snapshot(tmp_path, changed, "2024-10-18", 14)
        new = advance_lineage(snapshot, [DAY_10], DAY_14)[0]
        assert (
            new.ledger["why"] == "settings have changed: dimensions 16 → 8; user attributes - town"
        )
        kept_up = keep_up(snapshot, old.lineage, DAY_14)
        assert (
            kept_up is not None
            and kept_up.ledger["start"] == "warm"
            and kept_up.ledger["parent"] == old.artifact.key
        )
        for version, dimensions in ((new, 8), (old, 16), (kept_up, 16)):
            made = embed(snapshot, version, Cutoffs.at(DAY_14))
            assert made.item_vectors.shape == (40, dimensions) and made.user_vectors.shape == (
                80,
                dimensions,
            )

    def test_an_attribute_of_another_kind_is_missing_for_the_version_before(
        self, tmp_path: Path
    ) -> None:
        before = group_snapshot(tmp_path, group_config(epochs=1), "2024-10-16", 12)
        old = advance_lineage(before, [DAY_10], DAY_12)[0]
        numeric = ItemsTable(attributes=(Attribute(name="kind", kind="numeric"),))
        config = group_config(epochs=1).model_copy(update={"items": numeric})
        items = group_items().assign(kind=1.5)
        snapshot = make_snapshot(tmp_path, config, "2024-10-18", group_events(0, 14), items=items)
        assert snapshot_for(snapshot, old.artifact).items["kind"].isna().all()
        assert embed(snapshot, old, Cutoffs.at(DAY_14)).item_vectors.shape == (40, 16)

    def test_a_cold_control_is_kept_and_ends_a_lineage_that_lost(self, tmp_path: Path) -> None:
        config = group_config(
            epochs=2, warm_start={"control_every_nights": 3, "control_floor": 1.0}
        )
        with patch.object(warm_start, "MIN_HELD_OUT_ROWS", 1):
            chain = [
                advance_lineage(
                    group_snapshot(tmp_path, config, "2024-10-18", 14), [DAY_10], DAY_10
                )[0]
            ]
            for day in (DAY_12, DAY_14):
                snapshot = group_snapshot(
                    tmp_path, config, day.isoformat(), (day - date(2024, 10, 4)).days
                )
                chain += advance_lineage(snapshot, [day], day)
        # Ages 0, 2 and 4 nights: the first multiple of three lies before the last.
        assert [v.ledger["recall_cold"] is not None for v in chain] == [False, False, True]
        assert all(v.ledger["control_ok"] for v in chain)
        rewrite(chain[-1].artifact, "ledger.json", '"control_ok": true', '"control_ok": false')
        lineage = chain[0].lineage
        # The night of the control goes on with what it has; the next one starts anew.
        assert lineages_of(snapshot.lake, config, DAY_14) == [lineage]
        assert lineages_of(snapshot.lake, config, date(2024, 10, 19)) == []
        why = why_cold(snapshot.lake, config, DAY_10, date(2024, 10, 19))
        assert why == f"{lineage} finds surely less than its cold control"

    def test_another_shape_is_another_lineage(self) -> None:
        assert lineage_hash(group_config()) != lineage_hash(group_config(dimensions=8))
        assert lineage_hash(group_config()) != lineage_hash(group_config(members=1))
        assert lineage_hash(group_config()) != lineage_hash(make_config())
