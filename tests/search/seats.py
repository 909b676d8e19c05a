"""Seats for the tests of searches, and sequences that are known to show something."""

from conformance.bench import device_seat, wfm_seat
from conformance.bench.applications import applications
from conformance.bench.ics import Ics
from conformance.bench.run import Seat
from conformance.search.actions import AnyAction, fitted
from conformance.search.device_model import DeviceModel


def device(mutant: str | None = None) -> Seat:
    return device_seat.simulated_seat(Ics.of_reference("device"), mutant)


def wfm(mutant: str | None = None) -> Seat:
    return wfm_seat.simulated_seat(Ics.of_reference("wfm"), mutant, applications(()))


def on_device(*actions: AnyAction) -> tuple[AnyAction, ...]:
    return fitted(actions, DeviceModel(), device().hooks, 12)
