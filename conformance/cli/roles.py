"""Roles as a user writes them."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import get_args

from conformance.cli.problems import Misuse
from conformance.record.events import Role

ROLES: tuple[Role, ...] = get_args(Role)


def role_of(text: str) -> Role:
    """Read a role. Raises Misuse with the known ones."""
    for role in ROLES:
        if text == role:
            return role
    raise unknown("role", text, ROLES)


def roles_of(text: str | None) -> tuple[Role, ...]:
    """Read a role, or give both when none is named."""
    return ROLES if text is None else (role_of(text),)


LISTED = 20
"""How many known names a message lists."""


def unknown(kind: str, name: str, known: Iterable[str]) -> Misuse:
    """Say that a name is not known, and which of the known ones are nearest, the nearest first."""
    names = list(known)
    by_lower = {item.lower(): item for item in names}
    nearest = [by_lower[near] for near in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]
    more = (
        f" and {len(names) - LISTED} more; `margo-conformance list` shows what there is" if len(names) > LISTED else ""
    )
    hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"known: {', '.join(names[:LISTED])}{more}"
    return Misuse(f"unknown-{kind}", f"unknown {kind} {name!r}", hint)
