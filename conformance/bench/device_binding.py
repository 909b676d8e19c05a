"""Which counterpart a device of each revision gets, and which revision a device speaks."""

from collections.abc import Callable, Iterable, Mapping

from conformance.bench.device_signed import SignedWorld
from conformance.bench.device_world import World
from conformance.catalogue import DEFAULT_REVISION
from conformance.record.events import Exchange
from simulator.protocol.operations import Call, recognise
from simulator.protocol.signed import REVISION, recognise_signed

COUNTERPARTS: Mapping[str, type[World]] = {DEFAULT_REVISION: World, REVISION: SignedWorld}
"""The world of each revision that devices can be tried on."""
RECOGNISERS: Mapping[str, Callable[[str, str], Call]] = {DEFAULT_REVISION: recognise, REVISION: recognise_signed}
"""How each revision puts its operations on the wire."""
NO_CERTIFICATE = "PEER_DID_NOT_RETURN_A_CERTIFICATE"
"""How TLS says that a client showed no certificate, as clients that sign do not."""


def counterpart(revision: str) -> type[World]:
    """Give the world of a revision. Raises KeyError for one that devices cannot be tried on."""
    return COUNTERPARTS[revision]


def spoken(requests: Iterable[Exchange], revision: str) -> tuple[str, Exchange] | None:
    """Give another revision that a device speaks, with the request that shows it.

    None where the first request is one of the revision asked for, or of none at all.
    """
    for item in requests:
        meant = [name for name, of in RECOGNISERS.items() if of(item.method, item.target).operation != "unknown"]
        if meant:
            return None if revision in meant else (meant[0], item)
    return None


def spoken_by_refused(refused: str, revision: str) -> str | None:
    """Give the revision that a device seems to speak whose connections were refused, by the reason of that."""
    return REVISION if NO_CERTIFICATE in refused and revision != REVISION else None
