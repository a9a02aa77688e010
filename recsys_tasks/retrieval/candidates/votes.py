"""The artifact kind `votes`: what each generator's list is worth at a pair of cutoffs.

Learned from earlier windows, of which everything ended before the cutoffs: the lists that the
generators made as of a window's start, and what users did in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from recsys_tasks.arrays import Ragged
from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.config import config_hash
from recsys_tasks.errors import LeakageError
from recsys_tasks.hashes import hashed
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, Draft, Lake
from recsys_tasks.lake.keys import EmbeddingsKey
from recsys_tasks.retrieval.candidates.learned_votes import (
    LearnedVote,
    VoteExamples,
    learn_votes,
    vote_examples,
)
from recsys_tasks.retrieval.candidates.source import CandidateSource
from recsys_tasks.retrieval.candidates.tables import known_generators
from recsys_tasks.retrieval.kinds import VOTES
from recsys_tasks.snapshot.dataset import Snapshot

MOST_USERS = 2_000
"""Users of one window whose lists are looked into."""
MOST_WINDOWS = 4
"""Windows that are learned from, the newest."""
_FILE = "votes.json"
_OWN = "generators"


@dataclass(frozen=True)
class PastWindow:
    """Lists as of `cutoffs`, and what users did from then up to `end`. `contents`: what the lists
    are made of; `open_source` opens them.
    """

    snapshot: Snapshot
    cutoffs: Cutoffs
    end: date
    contents: Mapping[str, str]
    open_source: Callable[[], CandidateSource]

    @cached_property
    def examples(self) -> VoteExamples:
        """Rows of what was named for some users who did something in the window."""
        source, config = self.open_source(), self.snapshot.config
        truth, users = self._truth(source)
        votes = [one.vote for one in known_generators()]
        seed = config.resources.seed
        return vote_examples(source.named(users), truth, votes, self.snapshot.n_items, seed)

    def _truth(self, source: CandidateSource) -> tuple[Ragged, Keys]:
        """What some users who were known at the window's start did in it, by an objective."""
        start, config = self.cutoffs.history_before, self.snapshot.config
        codes = {code for one in config.objectives for code in config.objective_codes(one)}
        events = self.snapshot.events(start, self.end)
        events = events.between(start_of(start), start_of(self.end)).of_kinds(codes)
        users = np.unique(events.user)
        known = source.newest_items(users)[:, 0] >= 0
        users = drawn_users(users[known], MOST_USERS, config.resources.seed, start.toordinal())
        mine = events.where(np.isin(events.user, users))
        offsets = np.searchsorted(mine.user, np.append(users, np.iinfo(np.int32).max))
        return Ragged(offsets.astype(np.int64), mine.item), users


def drawn_users(users: Keys, most: int, *salts: int) -> Keys:
    """`[at most `most`] int32`, ascending: those of the users `[n]` whose keys' hashes are the
    least, all where they are no more. `salts` make another draw.
    """
    order = np.argsort(hashed(users, *salts), kind="stable")
    return np.sort(users[order[:most]]).astype(np.int32)


def build_votes(
    snapshot: Snapshot,
    key: str,
    cutoffs: Cutoffs,
    generators: Artifact,
    windows: Sequence[PastWindow],
) -> Artifact:
    """Learn the votes at these cutoffs, under the key of the vectors that serve there, from the
    newest `windows`. `generators`: the tables at the cutoffs, which are made of what users did up
    to them.

    They are learned once: a later night, of whose label windows fewer lie before these cutoffs,
    finds what an earlier one learned, as long as all that it knows of the inputs is the same.
    Raises LeakageError where a window ends after what may be learned.
    """
    late = [window for window in windows if window.end > cutoffs.learned_before]
    if late:
        raise LeakageError(
            expected=f"windows that end by {cutoffs.learned_before}",
            found=f"one that ends on {late[0].end}",
            where=f"votes of the generators at {cutoffs}",
            remedy="learn votes from windows before the learned cutoff",
        )
    chosen = sorted(windows, key=lambda window: window.cutoffs)[-MOST_WINDOWS:]
    config = snapshot.config
    own = {_OWN: generators.content}
    inputs, known = own | _contents(chosen), own | _contents(windows)
    settings = config_hash(
        config.generators,
        config.events,
        *config.objectives,
        config.resources.seed,
        config.repeat_consumption,
        *config.eligibility.rules,
    )

    for found in reversed(snapshot.lake.versions(VOTES.name, key)):
        before: Mapping[str, str] = found.manifest["inputs"]
        same_code = found.manifest["fingerprint"] == snapshot.lake.fingerprint(
            VOTES, key, before, settings
        )
        unchanged = all(known.get(name, hash) == hash for name, hash in before.items())
        if same_code and unchanged and inputs.keys() <= before.keys():
            return found

    def write(draft: Draft) -> None:
        names = [one.name for one in known_generators()]
        votes = [one.vote for one in known_generators()]
        learned = learn_votes([window.examples for window in chosen], votes) if chosen else None
        rows = [(vote.curve, vote.sure, vote.half_score) for vote in learned or ()]
        said = {"generators": names, "votes": rows}
        (draft.path / _FILE).write_text(json.dumps(said, indent=1))
        draft.rows = len(rows)
        draft.facts = {"windows": [str(window.cutoffs.history_before) for window in chosen]}

    return snapshot.lake.make(VOTES, key, inputs=inputs, config=settings, write=write)


def _contents(windows: Sequence[PastWindow]) -> dict[str, str]:
    return {f"{w.cutoffs}/{name}": hash for w in windows for name, hash in w.contents.items()}


def votes_at(
    lake: Lake, lineage: str, cutoffs: Cutoffs, generators: Artifact | None = None
) -> Artifact | None:
    """The newest votes of a lineage that were learned for these cutoffs or earlier ones; of several
    the ones that were learned beside these `generators`, so that an older night, run again, finds
    its own.
    """
    found = []
    for text in lake.keys("votes"):
        key = EmbeddingsKey.parse(text)
        early = (
            key.history_before <= cutoffs.history_before
            and key.tower.learned_before <= cutoffs.learned_before
        )
        if key.tower.lineage == lineage and early:
            found.append((key.history_before, key.tower.learned_before, text))
    if not found:
        return None
    versions = lake.versions("votes", max(found)[2])
    beside = generators.content if generators is not None else None
    own = [one for one in versions if one.manifest["inputs"].get(_OWN) == beside]
    return (own or versions)[-1]


def read_votes(artifact: Artifact) -> tuple[LearnedVote, ...] | None:
    """The votes of the generators, in their order; None where there was too little to learn from,
    or where there are other generators now. Raises ArtifactError.
    """
    said = json.loads(artifact.file(_FILE).read_text())
    if said["generators"] != [one.name for one in known_generators()] or not said["votes"]:
        return None
    return tuple(LearnedVote(tuple(curve), sure, half) for curve, sure, half in said["votes"])
