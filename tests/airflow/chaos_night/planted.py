"""What must be found nowhere after all that: secrets of the channels, and of an error that held a
secret and a user's id.
"""

from __future__ import annotations

SECRETS = {
    name: f"planted-{name.replace(' ', '-')}-5ecret"
    for name in ("webhook", "slack", "pagerduty", "teams", "an error")
}
A_USER = "u000007"
