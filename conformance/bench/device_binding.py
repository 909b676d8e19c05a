"""Which counterpart a device of each revision gets."""

from collections.abc import Mapping

from conformance.bench.device_signed import SignedWorld
from conformance.bench.device_world import World
from conformance.catalogue import DEFAULT_REVISION

COUNTERPARTS: Mapping[str, type[World]] = {DEFAULT_REVISION: World, "1.0.0-rc.2-signed": SignedWorld}
"""The world of each revision that devices can be tried on."""


def counterpart(revision: str) -> type[World]:
    """Give the world of a revision. Raises KeyError for one that devices cannot be tried on."""
    return COUNTERPARTS[revision]
