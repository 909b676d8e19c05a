"""Broken WFMs of revision 1.0.0-rc.2-signed: what only that revision has, done wrong."""

import base64
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from cryptography import x509

from simulator.identity import signatures
from simulator.identity.signatures import SignatureRefused, VerifierKey
from simulator.identity.svid import Credential
from simulator.identity.web import WebAuthority, web_server_context
from simulator.wfm.callers import Caller, NotAuthenticated
from simulator.wfm.onboarding import ClientRejected, Enrolment, Onboarding
from simulator.wfm.server import ReferenceWfm, WfmConfig
from simulator.wfm.signed import (
    SignatureInvalid,
    SignedApi,
    SignedCaller,
    SignedFront,
    SignedState,
    parts_of,
)
from simulator.wfm.signed_server import SignedWfm


@dataclass(frozen=True, slots=True)
class SignedMutant:
    """A broken WFM of this revision: its name, the requirement it breaks, and what is wrong in one line."""

    name: str
    breaks: str
    description: str
    core_class: type[SignedState] = SignedState
    api_class: type[SignedApi] = SignedApi
    wfm_class: type[SignedWfm] = SignedWfm

    def build(self, config: WfmConfig, front: SignedFront, **options: Any) -> ReferenceWfm:
        """A WFM with this defect."""
        return self.wfm_class(config, front, core_class=self.core_class, api_class=self.api_class, **options)


# --- ways to break one ------------------------------------------------------------------------------------------------


def calling(caller: type[SignedCaller]) -> type[SignedWfm]:
    """A WFM that tells its callers in another way."""
    return type("Calling", (SignedWfm,), {"caller_class": caller})


def taking_in(clients: type[Onboarding]) -> type[SignedWfm]:
    """A WFM that onboards in another way."""
    return type("TakingIn", (SignedWfm,), {"onboarding_class": clients})


def forgiving(*kinds: str) -> type[SignedWfm]:
    """A WFM that puts up with some things that are wrong with a signature."""

    class Forgiving(SignedCaller):
        def check(self, request: web.BaseRequest, key: VerifierKey, now: float) -> None:
            try:
                super().check(request, key, now)
            except SignatureInvalid as refused:
                if refused.kind not in kinds:
                    raise

    return calling(Forgiving)


def without_algorithm(name: str) -> type[SignedWfm]:
    """A WFM that does not know one of the four algorithms."""

    class Ignorant(SignedCaller):
        def check(self, request: web.BaseRequest, key: VerifierKey, now: float) -> None:
            super().check(request, key, now)
            held = signatures.verify(parts_of(request), key, now, self.front.freshness)
            if held.algorithm == name:
                raise SignatureInvalid(SignatureRefused("wrong-signature", "SIG-012", f"{name} is not known"))

    return calling(Ignorant)


def keeping_time(**changes: float) -> type[SignedWfm]:
    """A WFM that gives signatures more time."""

    class Patient(SignedWfm):
        def __init__(self, config: WfmConfig, front: SignedFront, **options: Any) -> None:
            super().__init__(config, replace(front, freshness=replace(front.freshness, **changes)), **options)

    return Patient


def enveloping(envelope: Mapping[str, str]) -> type[SignedWfm]:
    """A WFM that puts something else round its deployments."""

    class Enveloping(SignedWfm):
        def __init__(self, config: WfmConfig, front: SignedFront, **options: Any) -> None:
            super().__init__(config, front, **options)
            self.northbound.envelope = dict(envelope)

    return Enveloping


# --- what is broken ---------------------------------------------------------------------------------------------------


class _AnyClientsKey(SignedCaller):
    def __call__(self, request: web.BaseRequest, now: float) -> tuple[str, bool]:
        try:
            return super().__call__(request, now)
        except SignatureInvalid:
            for key in self.clients.every_key():
                try:
                    self.check(request, key, now)
                except SignatureInvalid:
                    continue
                return str(request.path).split("/")[4], False
            raise


class _KeyByName(SignedCaller):
    def check(self, request: web.BaseRequest, key: VerifierKey, now: float) -> None:
        super().check(request, key, now)
        held = signatures.verify(parts_of(request), key, now, self.front.freshness)
        if " " in held.keyid:
            raise SignatureInvalid(SignatureRefused("wrong-signature", "SIG-012", f"no key {held.keyid!r}"))


class _PlainRefusal(SignedApi):
    def not_authenticated(self, error: NotAuthenticated) -> web.StreamResponse:
        response = super().not_authenticated(error)
        return web.Response(status=response.status, text=str(error))


class _WordlessRefusal(SignedApi):
    def error(self, status: int, error: str, message: str | None = None) -> web.Response:
        return super().error(status, error, None if status == 401 else message)


class _ForbiddenForUnauthorised(SignedApi):
    def not_authenticated(self, error: NotAuthenticated) -> web.StreamResponse:
        if error.status == 401:
            return self.error(403, "Invalid signature", str(error))
        return super().not_authenticated(error)


class _NoProof(SignedApi):
    async def onboard(self, request: web.BaseRequest) -> web.StreamResponse:
        check, self.caller.check = self.caller.check, lambda *_: None  # type: ignore[method-assign]
        try:
            return await super().onboard(request)
        finally:
            self.caller.check = check  # type: ignore[method-assign]


class _OkForOnboarding(SignedApi):
    async def onboard(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await super().onboard(request)
        if response.status == 201:
            response.set_status(200)
        return response


class _AnswersWithId(SignedApi):
    async def onboard(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await super().onboard(request)
        if isinstance(response, web.Response) and response.status == 201:
            response.text = (response.text or "").replace("clientId", "client_id")
        return response


class _BadRequestForStranger(SignedApi):
    def refuse_onboarding(self, refusal: Any) -> web.StreamResponse:
        if isinstance(refusal, ClientRejected):
            return self.error(422, "Client rejected", refusal.detail)
        return super().refuse_onboarding(refusal)


class _FailsWithoutCertificate(SignedApi):
    def refuse_onboarding(self, refusal: Any) -> web.StreamResponse:
        if not isinstance(refusal, ClientRejected):
            return self.error(500, "Internal error", refusal.detail)
        return super().refuse_onboarding(refusal)


class _BrokenLines(SignedApi):
    def written_root(self) -> str:
        return base64.encodebytes(base64.b64decode(super().written_root())).decode()


class _RootOfNothing(SignedApi):
    def written_root(self) -> str:
        return base64.b64encode(b"-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n").decode()


class _RootForClients(SignedApi):
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path.endswith("/onboarding/certificate") and "Signature" not in request.headers:
            return self.error(401, "Invalid signature", "SIG-010: nothing is signed")
        return await super().handle(request)


class _PrivateContent(SignedApi):
    def content_caching(self) -> str:
        return "private, max-age=31536000, immutable"


class _RoutesWithoutClient(SignedState):
    def root(self, client_id: str) -> str:
        del client_id
        return "/api/v1"


class _UnsafeIds(Onboarding):
    def __init__(self, new_id: Callable[[], str], accepted: frozenset[str] | None = None) -> None:
        super().__init__(lambda: f"{new_id()}+/==", accepted)


class _OneIdForAll(Onboarding):
    def enrol(self, certificate: x509.Certificate) -> Enrolment:
        first = next(iter(self._by_client), None)
        return self._keep(Enrolment(first, certificate)) if first else super().enrol(certificate)


class _OpenHouse(Onboarding):
    def certificate_of(self, body: bytes, now: float) -> x509.Certificate:
        kept, self.accepted = self.accepted, None
        try:
            return super().certificate_of(body, now)
        finally:
            self.accepted = kept


class _Timeless(Onboarding):
    def certificate_of(self, body: bytes, now: float) -> x509.Certificate:
        try:
            return super().certificate_of(body, now)
        except ClientRejected:
            return super().certificate_of(body, now - 2.5 * 86_400)


class _AnotherRoot(SignedWfm):
    def __init__(self, config: WfmConfig, front: SignedFront, **options: Any) -> None:
        super().__init__(config, replace(front, credential=WebAuthority.new().issue()), **options)


class _OldTls(SignedWfm):
    def security(self) -> tuple[ssl.SSLContext, Caller]:
        _, caller = super().security()
        shown = self.front.credential
        assert isinstance(shown, Credential)  # noqa: S101 - broken variants are not given a source of credentials
        context = web_server_context(shown, allow_tls12=True)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context, caller


_KIND = "ApplicationDeployment"
_VERSION = "application.margo.org/v1alpha1"
_ALL = (
    SignedMutant(
        "no-p384",
        "API-014",
        "does not know ecdsa-p384-sha384",
        wfm_class=without_algorithm("ecdsa-p384-sha384"),
    ),
    SignedMutant("no-pss", "API-016", "does not know rsa-pss-sha256", wfm_class=without_algorithm("rsa-pss-sha256")),
    SignedMutant(
        "no-pkcs1",
        "API-016",
        "does not know rsa-v1_5-sha256",
        wfm_class=without_algorithm("rsa-v1_5-sha256"),
    ),
    SignedMutant(
        "time-of-no-matter",
        "SIG-006",
        "takes a signature of any time",
        wfm_class=forgiving("stale", "in-the-future"),
    ),
    SignedMutant(
        "window-of-a-day",
        "SIG-007",
        "takes a signature for a day",
        wfm_class=keeping_time(window_s=86_400.0),
    ),
    SignedMutant(
        "clocks-may-lie-ahead",
        "SIG-008",
        "takes a signature of tomorrow",
        wfm_class=keeping_time(skew_s=86_400.0),
    ),
    SignedMutant(
        "any-clients-key",
        "SIG-009",
        "takes the signature of any client on the routes of any other",
        wfm_class=calling(_AnyClientsKey),
    ),
    SignedMutant(
        "unsigned-is-fine",
        "SIG-010",
        "serves requests without a signature",
        wfm_class=forgiving("missing-signature", "malformed-signature"),
    ),
    SignedMutant(
        "digest-not-needed",
        "SIG-010",
        "takes a body without a digest",
        wfm_class=forgiving("missing-digest"),
    ),
    SignedMutant(
        "digest-not-compared",
        "SIG-011",
        "takes a body that has another digest",
        wfm_class=forgiving("wrong-digest"),
    ),
    SignedMutant(
        "coverage-not-looked-at",
        "SIG-011",
        "takes a signature that covers next to nothing",
        wfm_class=forgiving("uncovered-component"),
    ),
    SignedMutant(
        "signature-not-verified",
        "SIG-012",
        "takes any signature that is well-formed",
        wfm_class=forgiving("wrong-signature"),
    ),
    SignedMutant("key-by-name", "SIG-013", "wants the key to have a name of its choice", wfm_class=calling(_KeyByName)),
    SignedMutant("plain-401", "SIG-014", "says in plain text what is wrong with a signature", api_class=_PlainRefusal),
    SignedMutant("wordless-401", "SIG-014", "gives no message with a 401", api_class=_WordlessRefusal),
    SignedMutant(
        "403-for-signature",
        "SIG-014",
        "answers a wrong signature with 403",
        api_class=_ForbiddenForUnauthorised,
    ),
    SignedMutant(
        "onboards-without-proof",
        "ONB-010",
        "takes in whoever brings a certificate, without a proof of its key",
        api_class=_NoProof,
    ),
    SignedMutant("200-for-onboarding", "ONB-010", "answers an onboarding with 200", api_class=_OkForOnboarding),
    SignedMutant(
        "onboards-the-expired",
        "ONB-010",
        "takes in a certificate that has expired",
        wfm_class=taking_in(_Timeless),
    ),
    SignedMutant(
        "fails-without-certificate",
        "ONB-010",
        "fails when an onboarding brings no certificate",
        api_class=_FailsWithoutCertificate,
    ),
    SignedMutant(
        "422-for-stranger",
        "ONB-010",
        "answers 422 to a client that it does not let in",
        api_class=_BadRequestForStranger,
    ),
    SignedMutant(
        "operator-not-asked",
        "ONB-011",
        "takes in clients that the operator did not let in",
        wfm_class=taking_in(_OpenHouse),
    ),
    SignedMutant("client-id-misnamed", "ONB-006", "gives the id as client_id", api_class=_AnswersWithId),
    SignedMutant("one-id-for-all", "API-010", "gives the same id to every client", wfm_class=taking_in(_OneIdForAll)),
    SignedMutant("unsafe-ids", "API-010", "makes ids that do not fit into an address", wfm_class=taking_in(_UnsafeIds)),
    SignedMutant(
        "root-in-lines",
        "CERT-004",
        "breaks the text of the root certificate into lines",
        api_class=_BrokenLines,
    ),
    SignedMutant(
        "root-of-nothing",
        "CERT-004",
        "gives something as its root that is no certificate",
        api_class=_RootOfNothing,
    ),
    SignedMutant(
        "root-for-clients",
        "CERT-005",
        "gives its root certificate only to those who sign",
        api_class=_RootForClients,
    ),
    SignedMutant(
        "another-kind",
        "AD-002",
        "calls its deployments by another kind",
        wfm_class=enveloping({"apiVersion": _VERSION, "kind": "Deployment"}),
    ),
    SignedMutant("no-envelope", "AD-001", "gives deployments without apiVersion and kind", wfm_class=enveloping({})),
    SignedMutant("content-kept-private", "DS-037", "keeps deployments out of shared caches", api_class=_PrivateContent),
    SignedMutant(
        "routes-without-client",
        "DS-027",
        "names addresses without the client",
        core_class=_RoutesWithoutClient,
    ),
    SignedMutant("another-root", "API-012", "shows a certificate of another root", wfm_class=_AnotherRoot),
    SignedMutant("tls-1.2-only", "API-006", "knows nothing newer than TLS 1.2", wfm_class=_OldTls),
)
SIGNED_MUTANTS: Mapping[str, SignedMutant] = {mutant.name: mutant for mutant in _ALL}
