"""What no path of a reader may show, asked of random shops by slow, plain rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from recsys_tasks.clock import DAY_SECONDS, Cutoffs, start_of
from recsys_tasks.config import AfterDays, Config
from recsys_tasks.serving.fallback import load_paths
from recsys_tasks.serving.load import load_dimensions, load_lists, load_similar
from recsys_tasks.serving.precompute import active_users, buckets
from recsys_tasks.serving.publication import CheckLimits, Publication, PublicationSpec
from recsys_tasks.serving.publish import create_publication, finish, publish
from recsys_tasks.serving.repeats import forbidden_pairs, policy_words
from recsys_tasks.serving.similar import similar_items
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.snapshot.eligibility.hidden import hidden_items
from tests.serving import nights
from tests.serving.plain_user_rules import goods, kept_from, people, user_rules
from tests.snapshot.plain_negatives import Happened, banned, left_over, negative_kinds
from tests.worlds import make_config, make_snapshot

LIMITS = CheckLimits(min_coverage=0.0, max_identical_share=1.0, max_list_churn=1.0)
USERS, ITEMS = 7, 13
FIRST_DAYS, SECOND_DAY = 60, 1


@dataclass(frozen=True)
class Shop:
    """`events`: (user, item, seconds before the first cutoff; negative: on the day after it)."""

    events: tuple[tuple[int, int, int], ...]
    segments: tuple[str | None, ...]
    available: tuple[tuple[bool, ...], tuple[bool, ...]]
    launches: tuple[int, ...]
    hidden: tuple[frozenset[str], frozenset[str]]
    policy: Any
    k: int
    spares: int
    within_days: int
    seed: int
    negatives: tuple[dict[str, Any], ...] = ()
    turned: tuple[tuple[int, int, int, int], ...] = ()
    """(user, item, seconds before the first cutoff, number among `negatives`)."""
    rules: tuple[dict[str, Any], ...] = ()
    """`eligibility.rules`."""
    people: tuple[tuple[str | None, float | None], ...] = ()
    """Languages (joined by |) and age of each user."""
    goods: tuple[tuple[str | None, float | None], ...] = ()
    """Language and age limit of each item."""

    def config(self, night: int) -> Config:
        return make_config(
            users={
                "attributes": of_kinds(country="categorical", speaks="multi", age="numeric"),
                "segment_by": "country",
            },
            items={
                "available_column": "available",
                "attributes": of_kinds(grade="numeric", language="categorical", limit="numeric"),
            },
            eligibility={"rules": list(self.rules)},
            events={"quantity_column": "quantity", "negatives": list(self.negatives)},
            repeat_consumption=self.policy,
            activity={"min_events": 1, "within_days": self.within_days},
            serving={"k": self.k, "spares": self.spares, "shards": 2},
            rerank={
                "hidden_items": sorted(self.hidden[night]),
                "item_rules": [{"attribute": "grade", "minimum": 2}],
            },
        )


def of_kinds(**kinds: str) -> list[dict[str, str]]:
    return [{"name": name, "kind": kind} for name, kind in kinds.items()]


def ages() -> st.SearchStrategy[int]:
    """Whole days too, where a policy of so many days ends."""
    exact = st.sampled_from([d * DAY_SECONDS + s for d in (5, 20, 30) for s in (-1, 0, 1)])
    return st.one_of(
        st.integers(1, FIRST_DAYS * DAY_SECONDS),
        exact,
        st.integers(1, DAY_SECONDS).map(lambda s: -s + 1),
    )


def shops() -> st.SearchStrategy[Shop]:
    event = st.tuples(st.integers(0, USERS - 1), st.integers(0, ITEMS - 1), ages())
    flags = st.lists(
        st.sampled_from([True, True, True, False]), min_size=ITEMS, max_size=ITEMS
    ).map(tuple)
    turned = st.tuples(
        st.integers(0, USERS - 1), st.integers(0, ITEMS - 1), ages(), st.integers(0, 2)
    )
    some = st.frozensets(st.sampled_from([f"i{n:02d}" for n in range(ITEMS)]), max_size=3)
    return st.builds(
        Shop,
        events=st.lists(event, min_size=8, max_size=60).map(tuple),
        segments=st.lists(st.sampled_from([None, "nl", "be"]), min_size=USERS, max_size=USERS).map(
            tuple
        ),
        available=st.tuples(flags, flags),
        launches=st.lists(st.sampled_from([0, 0, 0, 1]), min_size=ITEMS, max_size=ITEMS).map(tuple),
        hidden=st.tuples(some, some),
        policy=st.sampled_from(
            ["allow", "forbid", "forbid", {"after_days": 5}, {"after_days": 30}]
        ),
        k=st.integers(1, 5),
        spares=st.integers(0, 3),
        within_days=st.sampled_from([3, 20, 90]),
        seed=st.integers(0, 9),
        negatives=st.one_of(st.just(()), negative_kinds("purchase").map(tuple)),
        turned=st.lists(turned, max_size=20).map(tuple),
        rules=user_rules(),
        people=people(USERS),
        goods=goods(ITEMS),
    )


def ruled_out(shop: Shop, user: int | None) -> set[int]:
    """Items that the rules keep from a user; None: one whom nobody knows."""
    person = shop.people[user] if user is not None and shop.people else (None, None)
    return kept_from(shop.rules, person, shop.goods)


def happened(shop: Shop) -> list[Happened]:
    """Events and negative events, of one unit each; seconds count from the first cutoff."""
    rows = [Happened(user, item, -age, "purchase", 1) for user, item, age in shop.events]
    names = [negative["name"] for negative in shop.negatives]
    turned = [
        Happened(user, item, -age, names[number % len(names)], 1)
        for user, item, age, number in (shop.turned if names else ())
    ]
    return rows + turned


def forbidden_to(shop: Shop, night: int) -> dict[int, set[int]]:
    """User → items that the policy forbids or a negative event bans as of a night's cutoff."""
    found: dict[int, set[int]] = {user: set() for user in range(USERS)}
    policy, rows, cutoff = (
        shop.config(night).repeat_consumption,
        happened(shop),
        night * DAY_SECONDS,
    )
    for row in left_over(rows, shop.negatives, cutoff):
        if policy != "allow":
            forbidden = (
                cutoff - row.ts < policy.after_days * DAY_SECONDS
                if isinstance(policy, AfterDays)
                else True
            )
            found[row.user] |= {row.item} if forbidden else set()
    for user, item in banned(rows, shop.negatives, cutoff):
        found[user].add(item)
    return {user: items | ruled_out(shop, user) for user, items in found.items()}


def blocked(shop: Shop, night: int) -> set[int]:
    """Hidden, below the rule's grade, or launched on the day after the first night's cutoff."""
    waits = {item for item in range(ITEMS) if shop.launches[item] and night == 0}
    return waits | {
        item for item in range(ITEMS) if f"i{item:02d}" in shop.hidden[night] or item % 7 == 1
    }


def offered(shop: Shop, night: int) -> set[int]:
    return {item for item in range(ITEMS) if shop.available[night][item]} - blocked(shop, night)


def frozen(shop: Shop, night: int, folder: Path) -> Snapshot:
    as_of = nights.FIRST + timedelta(days=night)
    cutoff = start_of(nights.FIRST)
    rows = [(f"u{r.user}", f"i{r.item:02d}", cutoff + r.ts, r.what) for r in happened(shop)]
    ids = [f"i{item:02d}" for item in range(ITEMS)]
    items = pd.DataFrame(
        {"item_id": ids, "grade": [1.0 if item % 7 == 1 else 3.0 for item in range(ITEMS)]}
    )
    goods, people = shop.goods or ((None, None),) * ITEMS, shop.people or ((None, None),) * USERS
    items["language"] = [language for language, _ in goods]
    items["limit"] = pd.array([limit for _, limit in goods], "float64")
    shown = ~hidden_items(shop.config(night), pa.Table.from_pandas(items))
    starts = [cutoff + 9 * 3600 if launch else 0 for launch in shop.launches]
    items = items.assign(available=np.array(shop.available[night]) & shown, available_from=starts)
    users = pd.DataFrame(
        {"user_id": [f"u{n}" for n in range(USERS)], "country": list(shop.segments)}
    )
    users["speaks"] = [speaks for speaks, _ in people]
    users["age"] = pd.array([age for _, age in people], "float64")
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "ts", "event"])
    return make_snapshot(folder, shop.config(night), as_of, events, items, users)


def own_lists(shop: Shop, night: int, active: list[int], rng: np.random.Generator) -> nights.Lists:
    """Any order of what each may be shown: stands for rankers of every kind."""
    forbidden = forbidden_to(shop, night)
    return {
        user: (
            rng.permutation(sorted(offered(shop, night) - forbidden[user])).tolist()[
                : shop.k + shop.spares
            ]
        )
        for user in active
    }


def prepared(
    shop: Shop, night: int, snapshot: Snapshot, engine: Engine
) -> tuple[Publication, nights.Lists]:
    """A publication with everything but the lists, which come beside it."""
    rng = np.random.default_rng([shop.seed, night])
    cutoffs = Cutoffs.at(snapshot.as_of)
    active = active_users(snapshot, snapshot.config, cutoffs)
    sizes = (len(active), shop.k, shop.spares, 2)
    mark, words = f"f{night}", policy_words(snapshot.config)
    spec = PublicationSpec(snapshot.as_of, cutoffs, mark, "r1", "t1", *sizes, repeats=words)
    publication = create_publication(engine, spec, nights.NOW)
    load_dimensions(engine, snapshot)
    pairs = forbidden_pairs(snapshot, cutoffs, eligible_items(snapshot, snapshot.as_of))
    load_paths(engine, publication, snapshot, cutoffs, active, pairs)
    vectors = rng.normal(size=(ITEMS, 3)).astype(np.float32)
    near = similar_items(
        np.arange(ITEMS, dtype=np.int32), vectors, eligible_items(snapshot, snapshot.as_of), 3
    )
    load_similar(engine, publication, near)
    return publication, own_lists(shop, night, active.tolist(), rng)


def load_all(engine: Engine, shop: Shop, publication: Publication, lists: nights.Lists) -> None:
    short = [None if len(row) >= shop.k else "too_few_candidates" for row in lists.values()]
    rows = nights.table(lists, short_reason=short)
    shard = buckets(rows["user_key"].to_numpy()) % 2
    for part in range(2):
        load_lists(engine, publication, rows.filter(pa.array(shard == part)), part)


def show(shop: Shop, night: int, snapshot: Snapshot, engine: Engine) -> Publication | None:
    """Publish a night; None where nobody is active, which the checks refuse."""
    publication, lists = prepared(shop, night, snapshot, engine)
    if not lists:
        return None
    load_all(engine, shop, publication, lists)
    done = publish(engine, finish(engine, publication, LIMITS), "night", nights.NOW)
    assert done.moved
    return done.publication


def keys_of(items: list[str]) -> list[int]:
    return [int(item.removeprefix("i")) for item in items]


def check_calls(
    reader: Engine, shop: Shop, forbidden: dict[int, set[int]], may: set[int], full: bool
) -> None:
    """Every user's calls; `full`: nothing changed since, so that a call for k gets k where so many
    are left.
    """
    for user in [*range(USERS), "stranger"]:
        never = forbidden[user] if isinstance(user, int) else ruled_out(shop, None)
        for k in (None, 1, shop.k + 1, 30):
            got = keys_of(nights.recommend(reader, f"u{user}", k))
            assert len(set(got)) == len(got) <= (k or shop.k)
            assert not set(got) & never, (user, k, got, never)
            assert set(got) <= may, (user, k, got, may)
            if full and k is None:
                assert len(got) == min(shop.k, len(may - never)), (user, got, may - never)


def check_views(
    reader: Engine, forbidden: dict[int, set[int]], as_published: set[int], now: set[int]
) -> None:
    with reader.connect() as connection:
        current = "WHERE publication_id = (SELECT publication_id FROM recsys.status)"
        places = connection.execute(
            sa.text(
                "SELECT user_id, item_id FROM recsys.recommendations UNION ALL SELECT user_id,"
                f" item_id FROM recsys.recommendation_history {current} UNION ALL SELECT user_id,"
                " unnest(item_ids) FROM recsys.recommendation_lists"
            )
        ).all()
        beside = connection.scalars(
            sa.text(
                "SELECT item_id FROM recsys.fallback_lists UNION SELECT similar_item_id FROM"
                " recsys.similar_items"
            )
        ).all()
    for user, item in places:
        assert keys_of([item])[0] in as_published - forbidden[int(user.removeprefix("u"))]
    assert set(keys_of(list(beside))) <= now
