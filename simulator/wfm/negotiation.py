"""Content negotiation and conditional requests, as RFC 9110 has them (sections 8.8, 12.5, 13.1)."""

import re

_TAG = re.compile(r'\s*(?:(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")|(\*))?\s*(?:,|$)')
_WEIGHT = re.compile(r"^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$")


def none_match(header: str | None, entity_tag: str) -> bool:
    """Whether `If-None-Match` allows the full answer; False means 304. Tags are compared weakly (RFC 9110, 13.1.2).

    A header that is no list of entity tags matches nothing.
    """
    if header is None:
        return True
    if header == entity_tag:
        return False
    position = 0
    while position < len(header):
        found = _TAG.match(header, position)
        if found is None:
            return True
        if found.group(2) or found.group(1) == entity_tag:
            return False
        position = found.end()
    return True


def accepts(header: str | None, media_type: str) -> bool:
    """Whether `Accept` takes a media type without parameters; no header takes everything (DS-004, DS-005)."""
    if header is None or not header.strip():
        return True
    family = media_type.partition("/")[0]
    best, weight = -1, 0.0
    for item in header.split(","):
        name, q, parameters = _weighted(item)
        rank = {"*/*": 0, f"{family}/*": 1, media_type: 2}.get(name, -1)
        if rank < 0 or (rank == 2 and parameters):
            continue
        if rank > best:
            best, weight = rank, q
        elif rank == best:
            weight = max(weight, q)
    return weight > 0


def accepts_gzip(header: str | None) -> bool:
    """Whether `Accept-Encoding` lists gzip (or `*`) with a weight above 0; identity is always possible for us."""
    if not header:
        return False
    weights = {name: q for name, q, _ in map(_weighted, header.split(","))}
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weighted(item: str) -> tuple[str, float, bool]:
    """One list item: lower-case name, weight (0 when the weight is not one), and whether it has other parameters."""
    name, *parts = (part.strip() for part in item.split(";"))
    weight, parameters = 1.0, False
    for part in parts:
        key, _, value = part.partition("=")
        if key.strip().lower() == "q":
            weight = float(value) if _WEIGHT.match(value.strip()) else 0.0
            break
        parameters = parameters or bool(key)
    return name.lower(), weight, parameters
