from __future__ import annotations

from pathlib import Path

import pytest

from recsys_tasks.config import config_hash, load_config, parse_config
from recsys_tasks.errors import ConfigError
from tests.worlds import make_config


def test_every_mistake_is_named_at_once() -> None:
    raw = {
        "project": "shop",
        "source": {"kind": "files", "events": "e.csv", "items": "i.csv"},
        "objectives": [{"name": "buy", "events": ["purchase"]}],
        "label_window_days": 0,
        "two_tower": {"dimension": 64},
        "activity": {"min_events": "many"},
    }
    with pytest.raises(ConfigError) as caught:
        parse_config(raw)
    # the unknown key, the range and the type: three mistakes, each with its place
    assert caught.value.found.startswith("3 mistake(s)")
    for place in ("two_tower.dimension", "label_window_days", "activity.min_events"):
        assert place in caught.value.found


def test_names_must_agree() -> None:
    with pytest.raises(ConfigError, match=r"event 'buy' is not one of events\.kinds"):
        make_config(objectives=[{"name": "purchase", "events": ["buy"]}])
    with pytest.raises(ConfigError, match="64 dimensions cannot be shared evenly by 3 members"):
        make_config(two_tower={"dimensions": 64, "members": 3})
    with pytest.raises(ConfigError, match="segment_by"):
        make_config(users={"segment_by": "country"})


def test_the_shops_first_day_is_a_date() -> None:
    with pytest.raises(ConfigError, match=r"source\.first_day: .*isoformat.*'2026-1-5'"):
        make_config(source={"kind": "shop", "first_day": "2026-1-5"})
    assert make_config(source={"kind": "shop", "first_day": "2026-01-05"}).source.kind == "shop"


IMAGE = {"name": "image", "kind": "vector", "dimensions": 512}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"items": {"attributes": [{"name": "image", "kind": "vector"}]}},
            "say how many numbers it has",
        ),
        (
            {"items": {"attributes": [{**IMAGE, "kind": "text"}]}},
            "'image' is text: only a vector has dimensions",
        ),
        (
            {"items": {"attributes": [{**IMAGE, "dimensions": 0}]}},
            "dimensions: Input should be greater than",
        ),
        ({"users": {"attributes": [IMAGE]}}, "'image' is a vector, which only items may have"),
        (
            {"items": {"attributes": [{**IMAGE, "name": "title"}]}},
            "'title' is text that people read",
        ),
        (
            {"items": {"attributes": [IMAGE], "category": "image"}},
            "not a declared categorical attribute",
        ),
        (
            {"items": {"attributes": [IMAGE], "price": "image"}},
            "items.price: 'image' is not a declared numeric attribute",
        ),
        (
            {
                "items": {"attributes": [IMAGE]},
                "rerank": {"item_rules": [{"attribute": "image", "minimum": 0}]},
            },
            "'image' is a vector: it can only be required",
        ),
        (
            {
                "items": {"attributes": [IMAGE]},
                "rerank": {"diversity": 0.5, "diversity_by": "content"},
            },
            "content needs items.attributes other than vectors",
        ),
    ],
)
def test_a_vector_is_declared_with_its_size_and_of_items_only(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make_config(**changes)
    assert words in caught.value.found


def test_a_size_that_is_unset_changes_no_hash() -> None:
    """Snapshots and lineages of a shop without vectors are those of the time before there were
    any.
    """
    brand = make_config(items={"attributes": [{"name": "brand", "kind": "text"}]}).items.attributes[
        0
    ]
    assert "dimensions" not in brand.model_dump() and "dimensions" not in brand.model_dump_json()


def test_codes_and_weights_follow_the_declared_order() -> None:
    kinds = [{"name": "view"}, {"name": "purchase", "weight": 5}]
    config = make_config(events={"kinds": kinds})
    assert config.event_codes == {"view": 0, "purchase": 1}
    assert config.event_weights == (1.0, 5.0)
    assert config.objective_codes(config.objectives[0]) == (1,)


def test_settings_are_frozen_and_hash_by_value() -> None:
    config = make_config()
    with pytest.raises(ValueError, match="frozen"):
        config.project = "other"
    assert config_hash(config.gate) == config_hash(make_config().gate)
    assert config_hash(config.gate) != config_hash(make_config(gate={"margin": 0.02}).gate)


CRONS = {
    "61 25 * * *": "no cron that ever fires",
    "0 0 30 2 *": "no cron that ever fires",
    "0 0 31 4,6,9,11 *": "no cron that ever fires",
    "": "no cron that ever fires",
    "nightly": "no cron that ever fires",
    "0 1 * *": "no cron that ever fires",
    "@once": "no cron that ever fires",
    "H H * * *": "no cron that ever fires",
    "R R * * *": "another time in each process",
    "0 1 * * * 0 2020": "7 fields",
}


@pytest.mark.parametrize("name", ["nightly", "watch_freshness", "maintain_storage", "fire_drill"])
@pytest.mark.parametrize(("cron", "words"), CRONS.items())
def test_a_cron_that_never_fires_is_refused(name: str, cron: str, words: str) -> None:
    """Airflow makes an import error, or no run, of it: nothing runs and nobody hears."""
    with pytest.raises(ConfigError) as caught:
        make_config(schedule={name: cron})
    assert f"schedule.{name}: " in caught.value.found and words in caught.value.found
    assert "such as '0 1 * * *'" in caught.value.found


@pytest.mark.parametrize(
    "cron", ["0 1 * * *", "*/15 * * * *", "0 0 29 2 *", "@daily", "0 1 * * MON-FRI", "0 1 L * *"]
)
def test_a_cron_that_fires_is_kept(cron: str) -> None:
    assert make_config(schedule={"nightly": cron}).schedule.nightly == cron


def test_an_approval_that_outlasts_a_night_is_refused() -> None:
    def waiting(hours: int, nightly: str = "0 1 * * *", approval: bool = True) -> None:
        make_config(
            gate={"approval": approval, "approval_hours": hours}, schedule={"nightly": nightly}
        )

    for hours, nightly in ((24, "0 1 * * *"), (72, "0 1 * * *"), (12, "0 */12 * * *")):
        with pytest.raises(ConfigError) as caught:
            waiting(hours, nightly)
        assert f"gate.approval_hours: {hours} hours hold the next night back" in caught.value.found
    waiting(23)
    waiting(72, "0 1 * * MON")
    waiting(72, approval=False)


@pytest.mark.parametrize("content", [b"project: caf\xe9\n", None])
def test_a_settings_file_that_cannot_be_read_is_said_in_four_parts(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "recsys.yaml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.where == str(path) and "UTF-8" in caught.value.expected
