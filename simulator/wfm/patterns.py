"""Patterns that were written for pydantic, used without it."""

import re
from functools import cache


def matches_whole(pattern: str, text: str) -> bool:
    """Whether the whole text matches; a final newline is part of the text, other than with `$`."""
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
