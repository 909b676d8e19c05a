"""A stand-in for the device agent of the public sandbox until 2025-12: the built-in device, departing as it did."""

import json
from dataclasses import replace

from conformance.bench.applications import applications
from conformance.bench.bench import Bench
from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_subject import SimulatedSeat
from conformance.bench.device_world import World
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder
from conformance.bench.run import Seat
from conformance.catalogue import Catalogue
from simulator.device.config import DeviceConfig
from simulator.device.events import Answer, RequestFailed, ResponseArrived, Send
from simulator.device.signed import CLIENT_FILE, SignedTransport
from simulator.identity.signatures import SignedParts
from simulator.protocol.operations import recognise

COVERED = ("@method", "@target-uri", "@authority")


class EraADevice(SignedTransport):
    """Departs in every way that the accommodations of a device know."""

    def onboarding(self) -> dict[str, object]:
        plain = super().onboarding()
        return {"public_certificate" if name == "certificate" else name: value for name, value in plain.items()}

    def _taken_in(self, answer: ResponseArrived) -> Answer | None:
        found = json.loads(answer.body).get("client_id")
        if not found:
            return RequestFailed(answer.request_id, "reset", "no client_id")
        self.kept.keep(CLIENT_FILE, found)
        return None

    def translated(self, request: Send) -> Send:
        plain, kind = super().translated(request), recognise(request.method, request.target).operation
        if kind == "report-capabilities":
            return replace(plain, method="POST", target=f"{plain.target.partition('/capabilities/')[0]}/capabilities")
        if kind == "report-status":
            return replace(plain, target=plain.target.replace("/deployments/", "/deployment/"))
        return plain

    def signature(self, request: Send, parts: SignedParts) -> dict[str, str]:
        headers = super().signature(request, parts)
        return {**headers, **self.signer.sign(parts, self.now(), components=COVERED)}

    async def exchange(self, request: Send) -> Answer:
        answer = await super().exchange(request)
        reports = recognise(request.method, request.target).operation == "report-capabilities"
        if reports and isinstance(answer, ResponseArrived) and answer.status == 200:
            return RequestFailed(answer.request_id, "reset", "not 201")
        return answer


class WithoutDigest(SignedTransport):
    """Sends no digest of a body, and signs what is left."""

    def signature(self, request: Send, parts: SignedParts) -> dict[str, str]:
        del request
        headers = {name: value for name, value in parts.headers.items() if name.lower() != "content-digest"}
        return self.signer.sign(SignedParts(parts.method, parts.target_uri, headers), self.now())


class _Seat(SimulatedSeat):
    def __init__(self, ics: Ics, transport: type[SignedTransport]) -> None:
        super().__init__(ics, None)
        self._transport = transport

    def config(self, world: World) -> DeviceConfig:
        return replace(super().config(world), signed_class=self._transport)


def seat(ics: Ics, transport: type[SignedTransport] = EraADevice) -> Seat:
    roles = applications(())

    def make(stated: Ics, recorder: Recorder, catalogue: Catalogue, loop: BackgroundLoop) -> Bench:
        return DeviceBench(stated, recorder, catalogue, loop, _Seat(stated, transport), roles)

    return Seat(ics, "stand-in", make, SimulatedSeat.hooks, "simulated")
