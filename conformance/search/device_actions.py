"""Every action of the search for devices, as replay files name them."""

from typing import Annotated

from pydantic import Field

from conformance.search import device_answers as answer
from conformance.search import device_changes as change

DeviceActions = Annotated[
    change.Publish
    | change.Withdraw
    | change.Settle
    | change.Reboot
    | change.PowerCut
    | change.CutNetwork
    | change.RestoreNetwork
    | change.StopWfm
    | change.StartWfm
    | change.LetPass
    | change.ComponentFails
    | change.StopWorkload
    | change.LoseState
    | change.ChangeFacts
    | answer.OfferDamaged
    | answer.OfferMalformed
    | answer.OfferOlder
    | answer.ContentMissing
    | answer.Overloaded,
    Field(discriminator="do"),
]
"""Every action of the search for devices, told apart by `do`."""
