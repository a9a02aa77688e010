"""Which features moved the score of each place of a user's list most, worked out from the night's
artifacts, which are only read.
"""

from __future__ import annotations

import math

import numpy as np
import sqlalchemy as sa

from recsys_tasks.commands.why import open_recommender_of, plan_behind
from recsys_tasks.database import transaction
from recsys_tasks.errors import ConfigError
from recsys_tasks.ranking.lists.place_reasons import place_reasons
from recsys_tasks.serving.publication import Publication
from recsys_tasks.stages import Night

COLUMNS = ("rank", "item_id", "title", "place", "feature", "value", "contribution")
"""As in the view recsys.place_reasons."""
_LIST = """
SELECT u.user_key, l.items[1:p.k] AS items FROM recsys.users AS u
JOIN recsys.publication AS p ON p.id = :publication
LEFT JOIN recsys.list_rows AS l ON l.publication_id = p.id AND l.user_key = u.user_key
WHERE u.user_id = :user
"""


def reasons_of(
    night: Night, publication: Publication, user_id: str, most: int
) -> list[tuple[int, str, str, int, str, float | None, float]]:
    """Rows of `COLUMNS` for each place of a user's own list that a ranker scored, `most` features
    each; none for a user without an own list.

    `night`: that of the publication. Raises ConfigError for an unknown user, ArtifactError where
    the night's artifacts are gone.
    """
    with transaction(night.engine) as connection:
        asked = {"publication": publication.id, "user": user_id}
        found = connection.execute(sa.text(_LIST), asked).one_or_none()
    if found is None:
        raise ConfigError(
            expected="user id as the shop writes it",
            found=f"{user_id!r}, which no night has seen",
            where="recsys.audience",
            remedy='look it up: recsys sql -c "TABLE recsys.audience LIMIT 10"',
        )
    plan = plan_behind(night, publication)
    if found.items is None or plan.release is None:
        return []
    snapshot, recommender = open_recommender_of(night, publication)
    users, items = np.array([found.user_key], np.int32), np.array([found.items], np.int32)
    reasons = place_reasons(recommender, night.lake.get(plan.release), users, items, most)
    ids, titles = snapshot.items["item_id"], snapshot.items["title"]
    return [
        (
            one.rank,
            str(ids.iloc[one.item]),
            str(titles.iloc[one.item] or ids.iloc[one.item]),
            place,
            feature,
            None if math.isnan(value) else value,
            contribution,
        )
        for one in reasons
        for place, (feature, value, contribution) in enumerate(
            zip(one.features, one.values, one.contributions, strict=True), start=1
        )
    ]
