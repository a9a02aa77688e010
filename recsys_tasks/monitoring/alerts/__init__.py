"""One clear message an incident: from an alarm or a failed task to the channels.

The way of an alert: `build` → `spool` → `delivery` → `channels` and `table`; `settling` ends
it. The module `alert` says what each step does.
"""
