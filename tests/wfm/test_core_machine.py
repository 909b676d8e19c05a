"""The core as a state machine: in whatever order things happen, versions grow, bytes stay and scopes hold.

The rows that were written give the same state again.
"""

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from simulator.protocol.bundle import read_bundle
from simulator.protocol.digest import digest_of
from simulator.protocol.manifest import parse_manifest
from simulator.wfm.changes import KEYS, TABLES, Outcome, Put
from simulator.wfm.core import CoreLimits, DesiredState
from simulator.wfm.refusals import Refusal
from simulator.wfm.state import Desired
from tests.wfm.support import IDS, capabilities, deployment, status

CLIENTS = st.sampled_from(["one", "two"])
NUMBERS = st.integers(0, 3)
DEVICES = st.sampled_from(["gw", "gw/a", "gw/a/b", "box"])
LIMITS = CoreLimits(history=3, gone=2)


class CoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.core = DesiredState(limits=LIMITS)
        self.rows: dict[tuple[str, tuple[Any, ...]], dict[str, Any]] = {}
        self.seen: dict[tuple[str, int], bytes] = {}
        self.newest: dict[str, int] = {}
        self.desired: dict[str, dict[str, bytes]] = {"one": {}, "two": {}}
        self.time = 0.0

    def done(self, outcome: Outcome[Any], *, settle: bool = True) -> Any:
        """What a store would do with an outcome."""
        for change in outcome.changes:
            if isinstance(change, Put):
                assert set(KEYS[change.table]) <= set(change.row)
                self.rows[change.table, change.key] = change.row
            else:
                self.rows.pop((change.table, change.key), None)
        if settle:
            self.core.settle(outcome)
        return outcome.value

    def now(self) -> float:
        self.time += 1
        return self.time

    @rule(client=CLIENTS, device=DEVICES)
    def report(self, client: str, device: str) -> None:
        body = json.dumps(capabilities(device)).encode()
        devices = self.core.client(client).devices
        known, gateway = device in devices, device.rpartition("/")[0]
        allowed = not gateway or gateway in devices
        try:
            created = self.done(self.core.report_capabilities(client, device, body, self.now()))
        except Refusal:
            assert not allowed
        else:
            assert allowed
            assert created is not known

    @rule(client=CLIENTS, device=DEVICES)
    def withdraw(self, client: str, device: str) -> None:
        known = device in self.core.client(client).devices
        try:
            self.done(self.core.withdraw_capabilities(client, device, self.now()))
        except Refusal:
            assert not known
        else:
            assert known
            assert not [name for name in self.core.client(client).devices if name.startswith(device + "/")]

    @rule(client=CLIENTS, numbers=st.sets(NUMBERS), minor=st.integers(0, 5), drop=st.sets(NUMBERS))
    def change(self, client: str, numbers: set[int], minor: int, drop: set[int]) -> None:
        documents = {IDS[n]: deployment(n, revision=f"1.{minor}.0") for n in sorted(numbers)}
        dropped = [IDS[n] for n in sorted(drop - numbers)]
        wanted = self.desired[client]
        before = self.core.client(client).latest
        try:
            put = [Desired.from_yaml(document) for document in documents.values()]
            self.done(self.core.change(client, put, dropped, now=self.now()))
        except Refusal:
            assert not set(dropped) <= set(wanted)
            assert self.core.client(client).latest is before
            return
        for name in dropped:
            del wanted[name]
        wanted.update(documents)

    @rule(client=CLIENTS, step=st.integers(1, 1000))
    def jump(self, client: str, step: int) -> None:
        version = self.core.client(client).latest.version + step
        self.done(self.core.jump_version(client, version, now=self.now()))

    @rule(client=CLIENTS, number=NUMBERS, state=st.sampled_from(["installing", "installed", "removed", "failed"]))
    def tell(self, client: str, number: int, state: str) -> None:
        known = IDS[number] in self.core.client(client).deployments
        body = json.dumps(status(number, state)).encode()
        try:
            self.done(self.core.report_status(client, IDS[number], body, self.now()))
        except Refusal:
            assert not known
        else:
            assert known

    @rule(client=CLIENTS, retired=st.booleans())
    def retire(self, client: str, retired: bool) -> None:
        self.done(self.core.retire(client, now=self.now(), retired=retired))
        try:
            self.core.authorize(client)
        except Refusal:
            assert retired
        else:
            assert not retired

    @rule()
    def restart(self) -> None:
        """The process ends and starts again from its rows."""
        tables: dict[str, list[dict[str, Any]]] = {
            name: [row for (table, _), row in self.rows.items() if table == name] for name in TABLES
        }
        before = self.core
        self.core = DesiredState(limits=LIMITS)
        self.core.restore(tables)
        assert list(self.core.journal) == list(before.journal)
        for client_id, state in self.core.clients.items():
            former = before.clients[client_id]
            assert (state.devices, state.statuses, state.retired) == (former.devices, former.statuses, former.retired)
            assert state.deployments == former.deployments
            assert (state.documents, state.bundles) == (former.documents, former.bundles)
            assert (state.served, state.next_version) == (former.served, former.next_version)

    @invariant()
    def manifests_are_right(self) -> None:
        for client, wanted in self.desired.items():
            publication = self.core.manifest(client)
            manifest = parse_manifest(publication.body)
            assert manifest.manifest_version == publication.version
            assert publication.version >= self.newest.get(client, 1)
            self.newest[client] = publication.version
            assert self.seen.setdefault((client, publication.version), publication.body) == publication.body
            assert publication.etag == f'"{digest_of(publication.body)}"'
            assert {ref.deployment_id for ref in manifest.deployments} == set(wanted)
            for ref in manifest.deployments:
                assert self.core.document(client, ref.deployment_id, ref.digest) == wanted[ref.deployment_id]
            if manifest.bundle:
                bundle = self.core.bundle(client, manifest.bundle.digest)
                assert digest_of(bundle) == manifest.bundle.digest
                assert read_bundle(bundle) == {f"{name}.yaml": document for name, document in wanted.items()}

    @invariant()
    def memory_is_bounded(self) -> None:
        for state in self.core.clients.values():
            assert len(state.history) <= LIMITS.history + 1
            assert len(state.bundles) <= LIMITS.history
            assert sum(record.phase == "gone" for record in state.deployments.values()) <= LIMITS.gone


CoreMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestCore = CoreMachine.TestCase


def test_a_manifest_is_served_only_when_it_is_durable() -> None:
    core = DesiredState()
    outcome = core.change("one", [Desired.from_yaml(deployment())], now=1.0)
    assert core.manifest("one").version == 1
    later = core.change("one", [Desired.from_yaml(deployment(1))], now=2.0)
    core.settle(later)
    core.settle(outcome)
    assert core.manifest("one").version == 3
