"""A shop's whole state in one folder, and back from it onto an empty home."""

from recsys_tasks.commands.backup.make import Backup, back_up
from recsys_tasks.commands.backup.restore import Restored, restore

__all__ = ["Backup", "Restored", "back_up", "restore"]
