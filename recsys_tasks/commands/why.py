"""Why an item is, or is not, in a user's list: each step of the night that made the list, asked.

What is asked of the database is of now; a list of the user's own is made once more from the night's
artifacts, which are only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from recsys_tasks.config import Config
from recsys_tasks.database import transaction
from recsys_tasks.errors import ArtifactError, ConfigError, ServingError
from recsys_tasks.ranking.lists.trace import Way, way_of
from recsys_tasks.serving.publication import Publication, read_current
from recsys_tasks.stages import Night
from recsys_tasks.stages.plan import Plan, plan_of

if TYPE_CHECKING:
    from recsys_tasks.ranking.lists.recommender import Recommender
    from recsys_tasks.snapshot.dataset import Snapshot

_WHO = """
SELECT u.user_key, a.segment, a.served_by FROM recsys.users AS u
JOIN recsys.audience AS a ON a.user_id = u.user_id WHERE u.user_id = :user
"""
_WHAT = """
SELECT i.item_key, i.blocked, c.available, c.available_from FROM recsys.items AS i
JOIN recsys.catalogue AS c ON c.item_id = i.item_id WHERE i.item_id = :item
"""
_SHOWN = "SELECT rank, reason, variant FROM recsys.recommend(:user, 1000) WHERE item_id = :item"
_FALLBACK = """
SELECT array_position(items, :key) AS place, cardinality(items) AS items FROM recsys.fallback_rows
WHERE publication_id = :publication AND segment = :segment
"""
_FORBIDDEN = """
SELECT coalesce(
    (SELECT :key = ANY (items) FROM recsys.withheld_rows
     WHERE publication_id = :publication AND user_key = :user),
    (SELECT :key = ANY (items) FROM recsys.withheld_rows
     WHERE publication_id = :publication AND user_key = -1),
    false)
"""  # as recommend() asks: -1 stands for users whom the night did not know
_OWN = "SELECT items FROM recsys.list_rows WHERE publication_id = :publication AND user_key = :user"


class Step(NamedTuple):
    """One step: whether the item passed it, None where that is no question of yes or no."""

    step: str
    passed: bool | None
    found: str


@dataclass(frozen=True)
class Asked:
    """One user, one item, and the publication that readers see."""

    user_id: str
    item_id: str
    user: Any
    item: Any
    publication: Publication

    @property
    def of_both(self) -> dict[str, object]:
        """Parameters of the queries."""
        return {
            "publication": self.publication.id,
            "user": self.user.user_key,
            "key": self.item.item_key,
        }


def current_night(connection: Connection) -> Publication:
    """The publication that readers see. Raises ServingError where there is none."""
    current = read_current(connection)
    if current is None:
        raise ServingError(
            expected="a publication that readers see",
            found="none",
            where="recsys.current_publication",
            remedy="run a night first: recsys run --as-of DATE",
        )
    return current


def steps_of(night: Night, publication: Publication, user_id: str, item_id: str) -> list[Step]:
    """Each step of the list that readers get for a user, and what it did with an item.

    `night`: that of the publication. Raises ConfigError for an unknown user or item, ArtifactError
    where the night's artifacts are gone.
    """
    with transaction(night.engine) as connection:
        asked = _asked(connection, publication, user_id, item_id)
        steps = [*_now(connection, asked)]
        if asked.user.served_by != "own":
            return [*steps, *_of_fallback(connection, asked)]
        listed = connection.execute(sa.text(_OWN), asked.of_both).scalar_one()
    return [*steps, *_of_own_list(night, asked, listed)]


def _asked(connection: Connection, publication: Publication, user_id: str, item_id: str) -> Asked:
    user = connection.execute(sa.text(_WHO), {"user": user_id}).one_or_none()
    item = connection.execute(sa.text(_WHAT), {"item": item_id}).one_or_none()
    if user is None or item is None:
        what, given, view = (
            ("user", user_id, "audience") if user is None else ("item", item_id, "catalogue")
        )
        raise ConfigError(
            expected=f"{what} id as the shop writes it",
            found=f"{given!r}, which no night has seen",
            where=f"recsys.{view}",
            remedy=f'look it up: recsys sql -c "TABLE recsys.{view} LIMIT 10"',
        )
    return Asked(user_id, item_id, user, item, publication)


# --- what readers see now ------------------------------------------------------------------------


def _now(connection: Connection, asked: Asked) -> Iterator[Step]:
    given = {"user": asked.user_id, "item": asked.item_id}
    shown = connection.execute(sa.text(_SHOWN), given).one_or_none()
    k, lists = asked.publication.k, {"own": "a list of their own", "segment": "the fallback list"}
    whose = lists.get(asked.user.served_by, "the fallback list of all users")
    if asked.user.served_by == "segment":
        whose += f" of segment {asked.user.segment}"
    yield Step("user", None, f"gets {whose}, of {asked.publication.as_of}")
    if shown is None:
        yield Step("shown now", False, "at no place, and not among the spares")
    elif shown.rank > k:
        topped_up = asked.user.served_by == "own" and shown.variant == "fallback"
        found = "from a fallback list, behind the spares" if topped_up else "a spare"
        yield Step("shown now", False, f"place {shown.rank}: {found}, the first {k} are shown")
    else:
        yield Step("shown now", True, f"place {shown.rank} of {k}, reason {shown.reason}")
    if asked.item.blocked:
        yield Step("on offer now", False, "blocked by the moderators")
    else:
        told = "reported as on offer" if asked.item.available else "sold out, delisted or hidden"
        yield Step("on offer now", asked.item.available, told)


def _of_fallback(connection: Connection, asked: Asked) -> Iterator[Step]:
    for segment in dict.fromkeys([asked.user.segment or "", ""]):
        name = f"popular in {segment}" if segment else "popular with everyone"
        given = {**asked.of_both, "segment": segment}
        found = connection.execute(sa.text(_FALLBACK), given).one_or_none()
        if found is None:
            continue
        among = f"of {found.items} items"
        told = "not among them" if found.place is None else f"place {found.place}"
        yield Step(name, found.place is not None, f"{told} {among}")
    forbidden = connection.execute(sa.text(_FORBIDDEN), asked.of_both).scalar_one()
    told = (
        "had, turned away from, or kept by eligibility.rules" if forbidden else "does not forbid it"
    )
    yield Step("may be shown to this user", not forbidden, told)


# --- a list of the user's own --------------------------------------------------------------------


def _of_own_list(night: Night, asked: Asked, listed: list[int]) -> Iterator[Step]:
    from recsys_tasks.snapshot.eligibility.eligible import eligible_items

    snapshot, recommender = open_recommender_of(night, asked.publication)
    eligible = eligible_items(snapshot, night.as_of)
    key = asked.item.item_key
    places = asked.publication.k + asked.publication.spares
    known = key < len(eligible)
    yield Step("eligible", known and bool(eligible[key]), _eligible(known, asked))
    if not known:
        return
    way = way_of(recommender, asked.user.user_key, key, eligible, places)
    if eligible[key]:
        yield Step("may be shown to this user", way.may_show, _allowed(way))
    yield from _retrieved(way)
    yield from _ranked(way, night.config, recommender.rung)
    yield _placed(way, asked.publication)
    same = [item for item in way.items.tolist() if item >= 0] == [i for i in listed if i >= 0]
    told = "as published" if same else "not as published: settings, code or data changed since"
    yield Step("the list, made again", same, told)


def _allowed(way: Way) -> str:
    if way.banned:
        return "events.negatives: the user has turned away from it (returned, disliked …)"
    if way.ruled_out:
        return "eligibility.rules keep it from this user, by the attributes of both"
    told = "does not forbid it" if way.may_show else "forbids it: the user has had it"
    return f"repeat_consumption {told}"


def open_recommender_of(night: Night, publication: Publication) -> tuple[Snapshot, Recommender]:
    """The snapshot and the recommender that made a publication. Raises ArtifactError where the
    night's artifacts are gone, or settings or code have changed since.
    """
    from recsys_tasks.stages.inputs import open_inputs, open_recommender

    try:
        plan, snapshot = plan_behind(night, publication), night.snapshot
        index = night.lake.get(plan.index)
        inputs = open_inputs(snapshot, plan.lineage, night.tonight, index)
        release = night.lake.get(plan.release) if plan.release else None
    except ArtifactError as error:
        raise ArtifactError(
            expected=f"what the lists of {night.as_of} were made of: {error.expected}",
            found=error.found,
            where=error.where,
            remedy=(
                f"make the night again with the settings of now: recsys run --as-of {night.as_of};"
                " RECSYS_CONFIG names the settings file"
            ),
        ) from error
    return snapshot, open_recommender(snapshot, inputs, release)


def plan_behind(night: Night, publication: Publication) -> Plan:
    """The plan that a publication was made by. Raises ArtifactError where it is gone."""
    for version in reversed(night.lake.versions("plan", night.as_of.isoformat())):
        plan = plan_of(version)
        if plan.publication_id == publication.id:
            return plan
    raise ArtifactError(
        expected=f"the plan of publication {publication.id}",
        found="none: it was cleaned up, or another home made it",
        where=str(night.lake.root / "plan" / night.as_of.isoformat()),
        remedy="make it again",
    )


def _eligible(known: bool, asked: Asked) -> str:
    night, launched = asked.publication.as_of, asked.item.available_from
    if not known:
        return f"first seen after the night of {night}"
    return f"by its launch ({launched}), stock and `rerank` as known on {night}"


def _retrieved(way: Way) -> Iterator[Step]:
    named = ", ".join(f"{name} at {place}" for name, place in way.named.items())
    yield Step("named by a generator", bool(way.named), named or "by none")
    if way.fused:
        told = f"place {way.fused} of {way.named_items} named, the first {way.candidates} are kept"
        yield Step("candidate", way.fused <= way.candidates, told)


def _ranked(way: Way, config: Config, rung: str) -> Iterator[Step]:
    if not 0 < way.fused <= way.candidates:
        return
    if way.cut:
        kept = config.ranker.light_survivors
        told = f"place {way.cut} of {way.candidates}, the first {kept} are kept"
        yield Step("light ranker", way.cut <= kept, told)
    if way.scored:
        by = "order of retrieval" if rung == "retrieval" else f"{rung} ranker's score"
        yield Step(by, True, f"place {way.scored} of {way.ranked}")


def _placed(way: Way, publication: Publication) -> Step:
    k, spares = publication.k, publication.spares
    if not way.place:
        return Step("place after the rules", False, f"beyond the first {k} and {spares} spares")
    kind = "shown" if way.place <= k else "a spare"
    return Step("place after the rules", way.place <= k, f"place {way.place}: {kind}")


def verdict(steps: list[Step], asked_user: str, asked_item: str) -> str:
    """One sentence: shown, or the first step that the item did not pass."""
    now = next(step for step in steps if step.step == "shown now")
    if now.passed:
        return f"{asked_item} is shown to {asked_user}: {now.found}"
    lost = next((s for s in steps if s.passed is False and s is not now), now)
    return f"{asked_item} is not shown to {asked_user}: {lost.step}: {lost.found}"
