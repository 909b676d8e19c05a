"""What a search does to a WFM: as its clients, as its operator, and as somebody who sends what no one should."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from conformance.bench import wfm_asking as asking
from conformance.bench import wfm_attempts as attempts
from conformance.bench.wfm_bench import JSON, WfmBench
from conformance.bench.wfm_requests import as_json, capabilities
from conformance.checks.wfm import caching, negotiation, tenancy
from conformance.search.actions import Action
from conformance.search.wfm_model import WfmModel
from conformance.search.wfm_promises import judge_answer, judge_membership
from simulator.protocol.operations import capabilities_path, status_path

Client = Literal["A", "B"]
Device = Literal["press-1", "press-2"]
Role = Literal["primary", "secondary"]
State = Literal["pending", "installing", "installed", "failed", "removing", "removed"]
Document = Any
"""A JSON document that was generated, as it goes over the wire."""
GENERATED = "generated-1"
"""The device id that generated reports are sent under."""
GOOD_FORMS: tuple[str, ...] = tuple(asking.GOOD_FORMS)
BAD_FORMS: tuple[str, ...] = tuple(asking.BAD_FORMS)


class WfmAction(Action[WfmModel, WfmBench]):
    """An action of the search for WFMs."""

    client: Client = "A"


class ReportDevice(WfmAction):
    """A client reports a device, for the first time or again."""

    do: Literal["report-device"] = "report-device"
    device: Device

    def fit(self, model: WfmModel) -> Self | None:
        """Always."""
        model.devices.add((self.client, self.device))
        return self

    def sentence(self) -> str:
        """Say it."""
        return f'client {self.client} reports device "{self.device}"'

    def perform(self, bench: WfmBench) -> None:
        """Report it."""
        document = capabilities(self.device)
        document["properties"]["serialNumber"] = f"{bench.recorder.now():.6f}"
        judge_answer(bench.report(self.client, self.device, document), valid=True)


class WithdrawDevice(WfmAction):
    """A client withdraws a device that has no deployments."""

    do: Literal["withdraw-device"] = "withdraw-device"
    device: Device

    def fit(self, model: WfmModel) -> Self | None:
        """What becomes of deployments to a device that is gone is not defined."""
        key = (self.client, self.device)
        if key not in model.devices or any(client == self.client for client, _ in model.deployed):
            return None
        model.devices.discard(key)
        return self

    def sentence(self) -> str:
        """Say it."""
        return f'client {self.client} withdraws device "{self.device}"'

    def perform(self, bench: WfmBench) -> None:
        """Withdraw it."""
        judge_answer(bench.withdraw_device(self.client, self.device), valid=True)


class Deploy(WfmAction):
    """The operator deploys an application to a client's first device."""

    do: Literal["deploy"] = "deploy"
    needs: ClassVar[str] = "northbound"
    role: Role

    def fit(self, model: WfmModel) -> Self | None:
        """There has to be a device, and nothing of that role on it."""
        if model.host(self.client) is None or (self.client, self.role) in model.deployed:
            return None
        model.deployed[self.client, self.role] = 1
        return self

    def sentence(self) -> str:
        """Say it."""
        return f"client {self.client} is given the {self.role} application"

    def perform(self, bench: WfmBench) -> None:
        """Deploy, and wait until it shows."""
        device = min(bench.client(self.client).devices)
        bench.deploy(self.client, self.role, device)


class Update(WfmAction):
    """The operator deploys the next release."""

    do: Literal["update"] = "update"
    needs: ClassVar[str] = "northbound"
    role: Role
    release: Annotated[int, Field(ge=0, le=1000)] = 0

    def fit(self, model: WfmModel) -> Self | None:
        """There has to be a release before it."""
        key = (self.client, self.role)
        if key not in model.deployed:
            return None
        model.deployed[key] += 1
        return self.model_copy(update={"release": model.deployed[key]})

    def sentence(self) -> str:
        """Say it."""
        return f"the operator deploys release {self.release} of the {self.role} application to client {self.client}"

    def perform(self, bench: WfmBench) -> None:
        """Update, and wait until it shows."""
        bench.update(self.client, self.role, self.release)


class Remove(WfmAction):
    """The operator takes a deployment back."""

    do: Literal["remove"] = "remove"
    needs: ClassVar[str] = "northbound"
    role: Role

    def fit(self, model: WfmModel) -> Self | None:
        """It has to be there."""
        return self if model.deployed.pop((self.client, self.role), None) else None

    def sentence(self) -> str:
        """Say it."""
        return f"the operator removes the {self.role} application from client {self.client}"

    def perform(self, bench: WfmBench) -> None:
        """Withdraw, and have the client say that it is gone."""
        deployed = bench.withdraw(self.client, self.role)
        judge_answer(bench.post_status(self.client, deployed, "removed"), valid=True)


class Ask(WfmAction):
    """A client asks for its manifest, with the tag that it holds."""

    do: Literal["ask"] = "ask"
    held: Literal["the one it holds", "the first one it held", "a manifest that never was"] = "the one it holds"

    def fit(self, model: WfmModel) -> Self | None:
        """Always."""
        del model
        return self

    def sentence(self) -> str:
        """Say it."""
        return f"client {self.client} asks for its manifest, naming {self.held}"

    def outcome(self) -> str:
        """What comes of it."""
        same = self.held == "the one it holds"
        return "it is told that nothing has changed" if same else "it is given the whole manifest"

    def perform(self, bench: WfmBench) -> None:
        """Ask twice: once to hold the manifest, once with a tag."""
        client = bench.client(self.client)
        bench.manifest(self.client)
        if self.held == "the first one it held" and (client.first or client.last).etag == client.last.etag:
            return  # a tag that is the newest one after all is no other tag
        asking.naming(bench, self.client, self.held)
        same = self.held == "the one it holds"
        bench.judge(caching.the_newest_manifest_is_not_sent_again if same else caching.another_manifest_is_sent_whole)


class AskInForm(WfmAction):
    """A client asks for its manifest in some form."""

    do: Literal["ask-in-form"] = "ask-in-form"
    form: str

    def fit(self, model: WfmModel) -> Self | None:
        """It has to be a known one."""
        del model
        return self if self.form in (*GOOD_FORMS, *BAD_FORMS) else None

    def sentence(self) -> str:
        """Say it."""
        return f"client {self.client} asks for its manifest, accepting {self.form}"

    def outcome(self) -> str:
        """What comes of it."""
        if self.form in GOOD_FORMS:
            return "it is given the manifest in the form of the first version"
        return "the WFM has refused the form that it does not have"

    def perform(self, bench: WfmBench) -> None:
        """Ask, between two plain questions."""
        bench.ask(self.client)
        exchange = asking.accepting(bench, self.client, self.form)
        bench.ask(self.client)
        judge_answer(exchange, valid=self.form in GOOD_FORMS)
        bench.judge(
            negotiation.the_first_form_is_the_default
            if self.form in GOOD_FORMS
            else negotiation.unknown_forms_cannot_be_given
        )


class FetchAll(WfmAction):
    """A client fetches everything that its manifest names."""

    do: Literal["fetch-all"] = "fetch-all"

    def fit(self, model: WfmModel) -> Self | None:
        """Always."""
        del model
        return self

    def sentence(self) -> str:
        """Say it."""
        return f"client {self.client} fetches everything its manifest names"

    def outcome(self) -> str:
        """What comes of it."""
        return "the bundle and the single documents agree"

    def perform(self, bench: WfmBench) -> None:
        """Fetch and judge."""
        judge_membership(bench, self.client)


class FetchForeign(WfmAction):
    """The other client asks for what is this client's."""

    do: Literal["fetch-foreign"] = "fetch-foreign"
    content: Literal["deployment", "bundle"]

    def fit(self, model: WfmModel) -> Self | None:
        """There has to be something, and only this client may have it."""
        own = {role for client, role in model.deployed if client == self.client}
        others = {role for client, role in model.deployed if client != self.client}
        return self if "primary" in own and not own & others else None

    def sentence(self) -> str:
        """Say it."""
        other = "B" if self.client == "A" else "A"
        return f"client {other} asks for the {self.content} of client {self.client}"

    def outcome(self) -> str:
        """What comes of it."""
        return f"the WFM has given it to client {self.client} only"

    def perform(self, bench: WfmBench) -> None:
        """Ask as the other one, between two questions of the owner."""
        other = "B" if self.client == "A" else "A"
        bench.manifest(self.client)
        attempts.fetch_own(bench, self.client, self.content)
        attempts.fetch_foreign(bench, other, self.client, self.content)
        attempts.fetch_own(bench, self.client, self.content)
        bench.judge(tenancy.foreign_content_is_not_given)


class ReportState(WfmAction):
    """A client says how a deployment fares."""

    do: Literal["report-state"] = "report-state"
    role: Role
    state: State

    def fit(self, model: WfmModel) -> Self | None:
        """It has to be there; a removal is reported once it is ordered."""
        return self if (self.client, self.role) in model.deployed and self.state != "removed" else None

    def sentence(self) -> str:
        """Say it."""
        return f"client {self.client} reports the {self.role} application {self.state}"

    def perform(self, bench: WfmBench) -> None:
        """Report it."""
        deployed = bench.client(self.client).deployments[self.role]
        judge_answer(bench.post_status(self.client, deployed, self.state), valid=True)


class Restart(WfmAction):
    """The WFM is restarted."""

    do: Literal["restart"] = "restart"
    needs: ClassVar[str] = "restart"

    def fit(self, model: WfmModel) -> Self | None:
        """Always."""
        del model
        return self

    def sentence(self) -> str:
        """Say it."""
        return "the WFM is restarted"

    def perform(self, bench: WfmBench) -> None:
        """Restart it."""
        bench.subject.hooks.need("restart")()


class GeneratedReport(WfmAction):
    """A client reports a device in a document that was generated from the schema."""

    do: Literal["generated-report"] = "generated-report"
    document: Document
    valid: bool

    def fit(self, model: WfmModel) -> Self | None:
        """Always; a valid document names the device that it is sent under."""
        del model
        return self

    def sentence(self) -> str:
        """Say it."""
        return f"client {self.client} reports a device in {'a valid' if self.valid else 'an invalid'} document"

    def outcome(self) -> str:
        """What comes of it."""
        return f"the WFM {'takes' if self.valid else 'refuses'} it"

    def perform(self, bench: WfmBench) -> None:
        """Send it."""
        path = capabilities_path(GENERATED)
        exchange = bench.client(self.client).probe.send("PUT", path, JSON, as_json(self.document))
        expects = None if self.valid else "invalid"
        bench.sent(exchange, "report-capabilities", GENERATED, expects=expects, defect="a generated defect")
        judge_answer(exchange, valid=self.valid)


class GeneratedStatus(WfmAction):
    """A client reports a status in a document that was generated from the schema; it names a real deployment."""

    do: Literal["generated-status"] = "generated-status"
    role: Role
    document: Document
    valid: bool

    def fit(self, model: WfmModel) -> Self | None:
        """The deployment has to be there."""
        return self if (self.client, self.role) in model.deployed else None

    def sentence(self) -> str:
        """Say it."""
        kind = "a valid" if self.valid else "an invalid"
        return f"client {self.client} reports the {self.role} application in {kind} document"

    def outcome(self) -> str:
        """What comes of it."""
        return f"the WFM {'takes' if self.valid else 'refuses'} it"

    def perform(self, bench: WfmBench) -> None:
        """Fill in what has to fit the deployment, and send it."""
        deployed = bench.client(self.client).deployments[self.role]
        document = self.document
        if isinstance(document, dict):
            real = bench.status_of(self.client, deployed, "installed")
            document = {**document, **{name: real[name] for name in _REAL if name in document}}
        exchange = bench.client(self.client).probe.send(
            "POST", status_path(deployed.deployment_id), JSON, as_json(document) if document is not None else b"null"
        )
        expects = None if self.valid else "invalid"
        bench.sent(exchange, "report-status", deployed.deployment_id, expects=expects, defect="a generated defect")
        judge_answer(exchange, valid=self.valid)


_REAL = ("deploymentId", "deviceId")

WfmActions = Annotated[
    ReportDevice
    | WithdrawDevice
    | Deploy
    | Update
    | Remove
    | Ask
    | AskInForm
    | FetchAll
    | FetchForeign
    | ReportState
    | Restart
    | GeneratedReport
    | GeneratedStatus,
    Field(discriminator="do"),
]
"""Every action of the search for WFMs, told apart by `do`."""
