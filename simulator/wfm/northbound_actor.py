"""Who asks for a change at the northbound API: the request header `X-Operator`, which the journal keeps as the actor.

The name is what the caller says of itself; nothing checks it, and nothing is allowed or forbidden by it.
"""

import re
from typing import Any

from aiohttp import web

from simulator.protocol.documents import shown
from simulator.wfm.core import OPERATOR
from simulator.wfm.refusals import SemanticError

HEADER = "X-Operator"
MAX_LENGTH = 100
_NAME = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_WRITING = ("post", "put", "patch", "delete")


def actor_of(request: web.Request) -> str:
    """Give the actor of a request, `operator` when it names none.

    Raises SemanticError for a name that is empty, longer than `MAX_LENGTH` or not of printable ASCII characters, and
    for more than one.
    """
    names = request.headers.getall(HEADER, [])
    if not names:
        return OPERATOR
    if len(names) > 1:
        raise SemanticError.of_field(HEADER, f"expected it once, found it {len(names)} times")
    name: str = names[0]
    if len(name) > MAX_LENGTH:
        raise SemanticError.of_field(HEADER, f"expected at most {MAX_LENGTH} characters, found {len(name)}")
    if not _NAME.fullmatch(name):
        raise SemanticError.of_field(HEADER, f"expected printable ASCII characters, found {shown(name)}")
    return name


def with_actor(description: dict[str, Any]) -> dict[str, Any]:
    """Add the header to every operation of an OpenAPI description that changes something."""
    header = {
        "name": HEADER,
        "in": "header",
        "required": False,
        "description": "Who makes the change: the actor in the journal. Printable ASCII; taken as it is, not checked.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "default": OPERATOR},
    }
    for methods in description["paths"].values():
        for method in _WRITING:
            if method in methods:
                methods[method].setdefault("parameters", []).append(header)
    return description
