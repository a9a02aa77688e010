"""What a URL of the settings says beside where it leads."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"://([^/]*@|[^/@]*:.*@)")
"""Before an @; after a colon also with slashes, which secret keys have. No bucket has a colon."""


def has_credentials(url: str) -> bool:
    """Whether a URL names a user, a key or a password."""
    return _CREDENTIALS.search(url) is not None
