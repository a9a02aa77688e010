"""Texts that leave the pipeline: without secrets, without what pings a whole channel, and not
endless.
"""

from __future__ import annotations

import re

LONGEST = 600
"""Characters of one part of an alert; the rest stays in the task's log."""

_URL_LOGIN = re.compile(r"(?<=://)[^/\s@'\"]*:[^/\s@'\"]*@")
_NAMED_SECRET = re.compile(
    r"(?i)\b([\w.-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|credential)[\w.-]*)"
    r"(['\"]?\s*[:=]\s*)(?:bearer\s+)?(\"[^\"]*\"|'[^']*'|[^\s,;)&'\"]+)"
)
_KNOWN_SECRET = re.compile(
    r"\b(?:AKIA[0-9A-Z]{16}|xox[a-z]-[\w-]{10,}|gh[pousr]_\w{20,}|eyJ[\w-]{10,}\.[\w.-]{10,})"
)
_NAMED_USER = re.compile(
    r"(?i)\b((?:user|customer|member)[_"
    r" ]?(?:id|key))(['\"]?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;)]+)"
)
# Control characters, and those that turn the direction of what follows.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_CALLS = re.compile(r"(<[!@#])|(@)(?=(?:channel|here|everyone|all)\b)", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """Passwords, tokens and named user ids replaced by `***`, as far as their form gives them
    away.
    """
    text = _URL_LOGIN.sub("***@", text)
    text = _NAMED_SECRET.sub(r"\1\2***", text)
    text = _NAMED_USER.sub(r"\1\2***", text)
    return _KNOWN_SECRET.sub("***", text)


def fit_to_send(text: str) -> str:
    """One part of an alert: no secrets, no unseen characters, at most `LONGEST` of them."""
    text = without_secrets(_UNSEEN.sub("?", text))
    return (
        text
        if len(text) <= LONGEST
        else text[:LONGEST] + f" … ({len(text) - LONGEST} more characters)"
    )


def for_slack(text: str) -> str:
    """Text as Slack shows it literally: its three control characters escaped, and no word that
    pings a channel.
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return calling_nobody(escaped)


def calling_nobody(text: str) -> str:
    """A zero-width space within `<!`, `<@` and `@channel`: whatever shows the text next notifies
    nobody by it.
    """
    return _CALLS.sub(lambda found: found[0][0] + "\u200b" + found[0][1:], text)
