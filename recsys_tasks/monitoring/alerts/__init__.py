"""One clear message an incident: from an alarm or a failed task to the channels."""
