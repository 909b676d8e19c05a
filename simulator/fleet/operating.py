"""The operator of a live run: puts a description's revisions into a WFM, and rolls them out at their times.

It speaks the northbound API of the reference WFM. Which devices a wave means is decided by chance, keyed by the device.
"""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import yaml

from simulator.fleet.description import Application, Fleet, Revision
from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.schedule import uniform
from simulator.protocol.application import DESCRIPTION_FILE, parse_description
from simulator.wfm.packages import Package

ROOT = "/northbound/v1"
WAVE = 12
_PATIENCE_S = 60.0
_AT_ONCE = 1000


class NotOperated(Exception):
    """The WFM's northbound API did not do what was asked: says what and why."""


class Operator:
    """Rolls out what a fleet's description says, through the northbound API at `url`."""

    def __init__(self, url: str, fleet: Fleet, plan: LivePlan) -> None:
        self._http = httpx.Client(base_url=url.rstrip("/").removesuffix(ROOT), timeout=_PATIENCE_S, trust_env=False)
        self._fleet, self._plan = fleet, plan
        self._deployments: dict[int, str] = {}
        self._thread = ThreadPoolExecutor(1)
        self._work: Future[None] | None = None
        self._over = threading.Event()

    def prepare(self) -> None:
        """Upload a package for every revision. Raises NotOperated."""
        for application in self._fleet.applications:
            for revision in application.revisions:
                archive = package_of(application, revision).to_archive()
                self._call("POST", "/packages", content=archive, headers={"Content-Type": "application/gzip"})

    def begin(self, began: float) -> None:
        """Roll out at the times of the description, counted from a moment of `time.monotonic`."""
        if self._work is None:
            self._work = self._thread.submit(self._roll_out_all, began)

    def end(self) -> None:
        """Stop. Raises NotOperated if something went wrong in between."""
        self._over.set()
        self._thread.shutdown()
        self._http.close()
        if self._work is not None:
            self._work.result()

    def _roll_out_all(self, began: float) -> None:
        waves = [
            (wave.at, number, low, low + wave.share)
            for number, rollout in enumerate(self._fleet.rollouts)
            for low, wave in zip(_lows([wave.share for wave in rollout.waves]), rollout.waves, strict=True)
        ]
        for at, number, low, high in sorted(waves):
            if self._over.wait(max(0.0, began + at - time.monotonic())):
                return
            self._roll_out(number, low, high)

    def _roll_out(self, number: int, low: float, high: float) -> None:
        rollout = self._fleet.rollouts[number]
        chosen = [
            device
            for device in self._devices_of(rollout.application)
            if low <= uniform(self._fleet.seed, device, WAVE, number) < (high if high < 1 - 1e-9 else 2.0)
        ]
        new = [device for device in chosen if device not in self._deployments]
        for device in chosen:
            if device in self._deployments:
                self._call("PATCH", f"/deployments/{self._deployments[device]}", json={"version": rollout.revision})
        for first in range(0, len(new), _AT_ONCE):
            part = new[first : first + _AT_ONCE]
            targets = [{"client": name, "deviceId": name} for name in map(self._plan.client_id, part)]
            asked = {"application": rollout.application, "version": rollout.revision, "targets": targets}
            made = self._call("POST", "/deployments", json=asked)["deployments"]
            self._deployments |= {device: str(one["deploymentId"]) for device, one in zip(part, made, strict=True)}

    def _devices_of(self, application: str) -> list[int]:
        first = 0
        found: list[int] = []
        for cohort in self._fleet.cohorts:
            if cohort.application == application:
                found += range(first, first + cohort.count)
            first += cohort.count
        return found

    def _call(self, method: str, path: str, **content: Any) -> Mapping[str, Any]:
        try:
            answer = self._http.request(method, ROOT + path, **content)
        except httpx.HTTPError as error:
            raise NotOperated(f"the northbound API at {self._http.base_url} does not answer: {error}") from None
        if answer.status_code >= 400:
            told = " ".join(answer.text.split())[:300]
            raise NotOperated(f"the northbound API answered {method} {path} with status {answer.status_code}: {told}")
        return dict(answer.json())


def package_of(application: Application, revision: Revision) -> Package:
    """A package for a revision: one component, whose revision is that of the application."""
    component = {
        "name": application.name,
        "properties": {"repository": f"oci://registry.example/{application.name}", "revision": revision.name},
    }
    described = {
        "apiVersion": "v1",
        "id": application.name,
        "metadata": {
            "name": application.name,
            "version": revision.name,
            "catalog": {"organization": [{"name": "Example Industries", "site": "https://example.com"}]},
        },
        "deploymentProfiles": [{"type": "compose", "id": "only", "components": [component]}],
    }
    text = yaml.safe_dump(described, sort_keys=False).encode()
    return Package(parse_description(text), described, {DESCRIPTION_FILE: text})


def _lows(shares: list[float]) -> list[float]:
    return [sum(shares[:number]) for number in range(len(shares))]
