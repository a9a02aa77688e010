"""The lake: the only writer of artifacts.

`root/kind/key/<sequence>-<token>/` holds one attempt. Its files come first and `manifest.json`
last, so a folder without a manifest does not exist for readers, on a file system and on S3 alike.
An attempt is never written over: a change of inputs, config or code makes a new one beside it. The
newest is the one that was finished last; where every version goes on from the one before, `slots`
keeps two writers apart.

One thing alone changes what a finished attempt holds: a person must be erased from it
(`revisions`).
"""

from recsys_tasks.lake.artifact import Artifact, Damaged, Draft
from recsys_tasks.lake.kinds import code_of
from recsys_tasks.lake.manifest import MANIFEST
from recsys_tasks.lake.remote import open_root
from recsys_tasks.lake.slots import SlotTaken
from recsys_tasks.lake.store import Lake

__all__ = [
    "MANIFEST",
    "Artifact",
    "Damaged",
    "Draft",
    "Lake",
    "SlotTaken",
    "code_of",
    "open_root",
]
