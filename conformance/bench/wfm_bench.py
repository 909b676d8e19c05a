"""The bench around a WFM: clients that probe it, and the operator's side that gives it something to publish.

Every action is recorded: requests as exchanges, what was meant by them as facts (`sent`, `deployed`, `withdrawn`, …),
so that checks can be run again over the record alone.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from conformance.bench.accommodations.bundled import from_bundle
from conformance.bench.accommodations.dialect import Dialect
from conformance.bench.applications import Application, Applications, Release
from conformance.bench.bench import Bench
from conformance.bench.errors import Blocked, NotSeen
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.northbound import NorthboundError
from conformance.bench.probe import Presented, Probe
from conformance.bench.recorder import Recorder
from conformance.bench.wfm_clients import Client, Deployed
from conformance.bench.wfm_requests import as_json, capabilities, status
from conformance.bench.wfm_subject import OpenSubject, WfmSubject
from conformance.bench.wfm_turns import turn
from conformance.catalogue import Catalogue
from conformance.checks.evidence import Offer, Record, parsed_yaml
from conformance.checks.wfm.history import was_known
from conformance.record.events import Exchange
from simulator.identity.spiffe import SpiffeId
from simulator.protocol.manifest import MANIFEST_MEDIA_TYPE
from simulator.protocol.operations import capabilities_path, manifest_path, status_path

JSON = (("Content-Type", "application/json"),)
ACCEPT_MANIFEST = (("Accept", MANIFEST_MEDIA_TYPE),)
POLL_EVERY_S = 0.05
"""How long the bench waits between two polls while it waits for a change to be published."""


class WfmBench(Bench):
    """The rig of one scenario with a WFM in the subject's seat."""

    role = "wfm"

    def __init__(
        self,
        ics: Ics,
        recorder: Recorder,
        catalogue: Catalogue,
        loop: BackgroundLoop,
        *,
        open_subject: OpenSubject,
        apps: Applications,
        at_end: Callable[["WfmBench"], None] | None = None,
    ) -> None:
        # `at_end` cleans up at a WFM that goes on living
        super().__init__(ics, recorder, catalogue, loop)
        self.apps = apps
        self._open_subject = open_subject
        self._at_end = at_end
        self._subject: WfmSubject | None = None
        self._clients: dict[str, Client] = {}
        self._probes: list[Probe] = []
        self._ids: dict[str, str] = {}
        self._spent: set[str] = set()
        self.mark = uuid.uuid4().hex[:8]
        self.dialect = Dialect()
        """The known departures of the WFM that are got past; shared by the scenarios of a run."""

    def open(self) -> None:
        """Take the seats: the WFM runs or is reached; clients come when a step names them.

        Raises Blocked when the WFM was given up in a scenario before.
        """
        subject = self._subject = self._open_subject(self.loop)
        subject.patience.try_again()
        self._cleanup.callback(subject.close)
        self._cleanup.enter_context(turn(subject.lock, self.needs))
        self._cleanup.callback(self._give_back)
        self._cleanup.callback(self._close_probes)
        if self._at_end is not None:
            self._cleanup.callback(self._at_end, self)
        if subject.northbound is not None:
            subject.northbound.listen(lambda call: self.note("northbound-call", **call))
        endpoint = subject.endpoint
        self.note("wfm-address", host=endpoint.host, port=endpoint.port, prefix=endpoint.prefix)
        if self.dialect.unsettled:
            subject.binding.prepare(self)

    def on_close(self, work: Callable[[], None]) -> None:
        """Have something done when the scenario ends."""
        self._cleanup.callback(work)

    @property
    def subject(self) -> WfmSubject:
        """The WFM under test; raises RuntimeError before `open`."""
        if self._subject is None:
            raise RuntimeError("the bench is not open")
        return self._subject

    # --- clients and applications ---------------------------------------------------------------------------------

    def client(self, name: str = "A") -> Client:
        """Give a client of the scenario by its name; made, with an identity of its own, when first asked for."""
        if name not in self._clients:
            self.take_in(self.subject.binding.enter(self, name))
        return self._clients[name]

    def take_in(self, client: Client) -> Client:
        """Have a client be one of the scenario."""
        self._clients[client.name] = client
        self.note("client", name=client.name, identity=client.identity)
        return client

    def identity(self, word: str) -> SpiffeId:
        """Give the SPIFFE ID of a client of this scenario, always the same for a word. Raises Blocked, NotSeen."""
        return self.subject.client_id(self.roster_id(word))

    def roster_id(self, word: str) -> str:
        """Give the place of a client in the roster, always the same for a word. Raises Blocked, NotSeen."""
        if word not in self._ids:
            self._ids[word] = self.operate(lambda: self.subject.roster.take(f"{word}-{self.mark}"))
        return self._ids[word]

    def need_new(self, name: str) -> None:
        """Raise Blocked unless the WFM had nothing of a client before this scenario."""
        self.client(name)
        if not self.subject.roster.is_new(self.roster_id(name.lower())):
            raise Blocked("needs a client that the WFM has nothing of; the ones that were given may have been used")

    def spend(self, name: str) -> None:
        """Keep a client from being used again: it is no longer as a client is found."""
        self._spent.add(self.roster_id(name.lower()))

    @property
    def client_names(self) -> tuple[str, ...]:
        """The clients there are so far."""
        return tuple(self._clients)

    def probe(self, presented: Presented) -> Probe:
        """Give a probe that presents something; it is closed with the scenario."""
        subject = self.subject
        probe = Probe(
            subject.endpoint,
            subject.binding.trust(self),
            presented,
            self.recorder,
            self.deadlines["answer"],
            partial(subject.binding.judge_chain, self),
            subject.patience,
            self.dialect,
        )
        self._probes.append(probe)
        return probe

    def application(self, role: str) -> Application:
        """Give the application of a role; raises Blocked when there are too few."""
        if role not in self.apps:
            raise Blocked(f"needs a {role} application; {len(self.apps)} were given or shipped")
        return self.apps[role]

    # --- what a device's client does ------------------------------------------------------------------------------

    def report(self, name: str, device_id: str, document: Mapping[str, Any] | None = None) -> Exchange:
        """Report a device's capabilities."""
        client = self.client(name)
        body = as_json(document if document is not None else capabilities(device_id))
        exchange = client.probe.send("PUT", capabilities_path(device_id), JSON, body)
        if exchange.status in (200, 201) and device_id not in client.devices:
            client.devices.append(device_id)
        return self.sent(exchange, "report-capabilities", device_id)

    def known_device(self, name: str, device_id: str | None = None) -> str:
        """Make sure that a client has a device which the WFM knows; raises NotSeen when it is not taken."""
        client = self.client(name)
        usual = self.dialect.one_device(client.wfm_client_id) or f"press-{name.lower()}"
        wanted = device_id or (client.devices[0] if client.devices else usual)
        if wanted not in client.devices:
            exchange = self.report(name, wanted)
            if exchange.status not in (200, 201):
                raise NotSeen(f"the WFM did not take device {wanted} of client {name}: {_told(exchange)}")
        return wanted

    def need_device(self, name: str, device_id: str) -> None:
        """Raise Blocked where the WFM does not know a client's device by this id, as it knows clients only."""
        only = self.dialect.one_device(self.client(name).wfm_client_id)
        if only not in (None, device_id):
            raise Blocked(f"needs device {device_id}; this WFM has one for each client, under the client's id")

    def withdraw_device(self, name: str, device_id: str) -> Exchange:
        """Withdraw a device's capabilities."""
        client = self.client(name)
        exchange = client.probe.send("DELETE", capabilities_path(device_id))
        if exchange.status == 204 and device_id in client.devices:
            client.devices.remove(device_id)
        return self.sent(exchange, "withdraw-capabilities", device_id)

    def poll(self, name: str, etag: str | None = None, headers: tuple[tuple[str, str], ...] | None = None) -> Exchange:
        """Ask for the manifest, with the tag of the one that is held if given; `headers` replace the usual ones."""
        client = self.client(name)
        sent = ACCEPT_MANIFEST if headers is None else headers
        sent = (*sent, ("If-None-Match", etag)) if etag is not None else sent
        exchange = client.probe.send("GET", manifest_path(), sent)
        if exchange.status == 200:
            client.seen = Record("wfm", (exchange,)).offers[0]
            client.first = client.first or (client.seen if client.seen.refs else None)
        return exchange

    def ask(self, name: str) -> Exchange:
        """Ask for the manifest as a good request that others are held against."""
        return self.sent(self.poll(name), "fetch-manifest", "manifest")

    def manifest(self, name: str) -> Offer:
        """Give a client's current manifest; raises NotSeen when none is served."""
        exchange = self.poll(name)
        if exchange.status != 200 or self.client(name).last.manifest is None:
            raise NotSeen(f"client {name} was not served a manifest: {_told(exchange)}")
        return self.client(name).last

    def fetch(self, name: str, url: object, *headers: tuple[str, str]) -> Exchange:
        """Fetch a deployment or bundle by the address a manifest gives; raises NotSeen when it gives none.

        Where the WFM's root has a path, the address is put behind it first; then it is resolved by RFC 3986, which
        drops that path (AMB-X-11). Which of the two led to something is noted.
        """
        if not isinstance(url, str) or not url.startswith("/"):
            raise NotSeen(f"the manifest gives no address to fetch from, but {url!r}")
        probe = self.client(name).probe
        exchange = from_bundle(self.client(name), probe.send("GET", url, headers), self.dialect, self.recorder)
        if not self.subject.endpoint.prefix:
            return exchange
        how = "behind the root's path"
        if exchange.status == 404:
            exchange, how = probe.send("GET", url, headers, bare=True), "by RFC 3986"
        if exchange.status == 200:
            self.note("address-resolved", {"exchange": exchange}, how=how)
        return exchange

    def fetch_everything(self, name: str, offer: Offer) -> list[Exchange]:
        """Fetch every deployment a manifest names, and its bundle."""
        urls = [ref.get("url") for ref in offer.refs]
        urls += [offer.bundle.get("url")] if offer.bundle else []
        return [self.fetch(name, url) for url in urls]

    def post_status(self, name: str, deployed: Deployed, state: str, version: int | None = None) -> Exchange:
        """Report the status of a deployment."""
        document = self.status_of(name, deployed, state, version)
        path = status_path(deployed.deployment_id)
        exchange = self.client(name).probe.send("POST", path, JSON, as_json(document))
        return self.sent(exchange, "report-status", deployed.deployment_id)

    def status_of(self, name: str, deployed: Deployed, state: str, version: int | None = None) -> dict[str, Any]:
        """Give the status report a device would send of a deployment."""
        components = self._components(name, deployed)
        adopted = version or self.client(name).last.version or 1
        return status(deployed.deployment_id, adopted, state, components, deployed.device_id)

    # --- what the operator does -----------------------------------------------------------------------------------

    def deploy(self, name: str, role: str, device_id: str | None = None, *, seen: bool = True) -> Deployed:
        """Deploy the first release of an application to a device, and wait until the manifest shows it.

        Unless `seen`, the client asks for no manifest meanwhile.
        """
        client, release = self.client(name), self.application(role).release(1)
        target = device_id or self.known_device(name)
        self.need_device(name, target)
        before = self.manifest(name) if seen else client.last
        self.bring(release)
        deployment_id = self.operate(
            lambda: self.subject.operator().deploy(
                client.wfm_client_id, target, release.application_id, release.version, {}
            )
        )
        deployed = Deployed(deployment_id, role, target, release, {})
        client.deployments[f"{role}@{target}" if role in client.deployments else role] = deployed
        self.wanted("deployed", client, deployed, before)
        if seen:
            shown = f"the deployment of {role}"
            self.await_manifest(name, before, lambda offer: deployment_id in offer.deployment_ids, shown)
        return deployed

    def update(
        self, name: str, role: str, release: int | None = None, values: Mapping[str, Any] | None = None
    ) -> Deployed:
        """Give a deployment another release or other values, and wait until the manifest shows the change."""
        client = self.client(name)
        former = client.deployments[role]
        wanted = self.application(role).release(release) if release else former.release
        before = self.manifest(name)
        self.bring(wanted)
        kept = dict(values) if values is not None else dict(former.values)
        self.operate(
            lambda: self.subject.operator().update(
                former.deployment_id, wanted.version if release else None, dict(values) if values is not None else None
            )
        )
        deployed = Deployed(former.deployment_id, role, former.device_id, wanted, kept)
        client.deployments[role] = deployed
        self.wanted("updated", client, deployed, before)
        self.await_manifest(name, before, lambda offer: _refs(offer) != _refs(before), f"the change of {role}")
        return deployed

    def withdraw(self, name: str, role: str) -> Deployed:
        """Withdraw a deployment, and wait until the manifest no longer shows it."""
        client = self.client(name)
        deployed = client.deployments[role]
        before = self.manifest(name)
        self.operate(lambda: self.subject.operator().withdraw(deployed.deployment_id))
        client.withdrawn.append(client.deployments.pop(role))
        self.wanted("withdrawn", client, deployed, before)
        gone = deployed.deployment_id
        self.await_manifest(name, before, lambda offer: gone not in offer.deployment_ids, f"the removal of {role}")
        return deployed

    def operate(self, work: Callable[[], Any]) -> Any:
        """Do something on the operator's side; raises NotSeen when the WFM does not do it."""
        try:
            return work()
        except NorthboundError as error:
            self.note("northbound-failed", error=str(error))
            raise NotSeen(f"the operator's side did not do it: {error}") from None

    # --- parts ----------------------------------------------------------------------------------------------------

    def sent(
        self, exchange: Exchange, request: str, subject: str, *, expects: str | None = None, defect: str | None = None
    ) -> Exchange:
        """Remember what a request was meant to be: good, or one that is to be refused in some way."""
        about = {} if expects is None else {"expects": expects, "defect": defect}
        known = None if expects else was_known(self.record, request, exchange.client, subject)
        self.note("sent", {"exchange": exchange}, request=request, subject=subject, good=expects is None, **about)
        return self.dialect.meant(exchange, self.recorder, known=known, expects=expects)

    def _components(self, name: str, deployed: Deployed) -> tuple[str, ...]:
        """Give the components of a deployment as it was served; fetched if it was not yet."""
        served = self.record.of("fetch-deployment", status=200, deploymentId=deployed.deployment_id)
        if not served:
            urls = [
                ref.get("url")
                for ref in self.client(name).last.refs
                if ref.get("deploymentId") == deployed.deployment_id
            ]
            served = tuple(self.fetch(name, url) for url in urls)
        document = parsed_yaml(served[-1].response.readable) if served else None
        spec = (document or {}).get("spec")
        profile = spec.get("deploymentProfile") if isinstance(spec, dict) else None
        components = profile.get("components") if isinstance(profile, dict) else None
        if not isinstance(components, list) or not all(isinstance(item, dict) for item in components):
            raise NotSeen(f"the deployment of {deployed.role} was not served, so its components are not known")
        return tuple(str(item.get("name")) for item in components)

    def wanted(self, kind: str, client: Client, deployed: Deployed, before: Offer) -> None:
        """Note what the operator wants of a deployment from now on."""
        self.note(
            kind,
            {"before": before.exchange},
            client=client.identity,
            deploymentId=deployed.deployment_id,
            role=deployed.role,
            device=deployed.device_id,
            version=deployed.release.version,
            values=dict(deployed.values),
            description=deployed.release.document,
        )

    def await_manifest(self, name: str, before: Offer, shows: Callable[[Offer], bool], what: str) -> None:
        """Poll until the manifest shows a change; without it the rest of a scenario says nothing (NotSeen)."""
        ends = time.monotonic() + self.deadlines["publish"]
        while not shows(self.manifest(name)):
            if time.monotonic() > ends:
                raise NotSeen(f"{what} was not published within {self.deadlines['publish']:g} s")
            self.recorder.until(lambda _: False, POLL_EVERY_S)
        client = self.client(name)
        refs = {"before": before.exchange, "after": client.last.exchange}
        self.note("published", refs, client=client.identity)

    def bring(self, release: Release) -> None:
        """Bring a release of an application in at the operator's side."""
        operator = self.subject.operator()
        self.operate(lambda: operator.upload(release.application_id, release.version, release.archive))

    def _give_back(self) -> None:
        for client_id in self._ids.values():
            if client_id not in self._spent:
                self.subject.roster.give_back(client_id)

    def _close_probes(self) -> None:
        for probe in self._probes:
            probe.close()


def _refs(offer: Offer) -> list[Mapping[str, Any]]:
    return sorted(offer.refs, key=lambda ref: str(ref.get("deploymentId")))


def _told(exchange: Exchange) -> str:
    return exchange.error or f"status {exchange.status}"
