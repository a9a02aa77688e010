"""Names of the files of a `generators` artifact: they say whose rows an array holds.

So what an erasure has to take out of an artifact can be told from its files alone, also when the
package that wrote them is no longer installed.
"""

from __future__ import annotations

from recsys_tasks.retrieval.generators import Generator

# Arrays from before generators were an extension point: their files have the array's name alone.
_PLAIN = {
    "segment": "segment_popular",
    "neighbour_items": "covisitation",
    "neighbour_scores": "covisitation",
    "popular_items": "segment_popular",
    "popular_scores": "segment_popular",
    "trending_items": "trending",
    "trending_scores": "trending",
    "fresh_items": "fresh",
    "fresh_newness": "fresh",
}
USERS = "users"
"""The column of a generator's `user_lists` with the user key of each row."""
BY_USER, USER_LISTS, SHARED = ".by_user.npy", ".user_lists.npy", ".shared.npy"


def array_file(generator: Generator, array: str) -> str:
    """Name of the file of one of a generator's declared arrays."""
    if _PLAIN.get(array) == generator.name:
        return f"{array}.npy"
    endings = {name: BY_USER for name in generator.user_arrays}
    endings |= {name: USER_LISTS for name in generator.user_lists}
    return f"{generator.name}.{array}{endings.get(array, SHARED)}"


def users_file(of: str) -> str:
    """The file with the user keys of the rows of a file of `user_lists`."""
    return f"{of.partition('.')[0]}.{USERS}{USER_LISTS}"
