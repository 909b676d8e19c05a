"""WFMs that are broken below their answers: HTTP itself, connections, TLS, and the identity that they show."""

import ssl
from typing import Any, cast

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from simulator.identity.authority import Authority
from simulator.identity.bad_credentials import missing_intermediate
from simulator.identity.handshake import Peer, PolicyContext
from simulator.identity.spiffe import SpiffeId, wfm_spiffe_id
from simulator.identity.svid import Credential
from simulator.identity.tls import CredentialSource
from simulator.identity.trust import TrustSource
from simulator.protocol.problem import Problem, ProblemType
from simulator.wfm.api import ManagementApi
from simulator.wfm.mutants_identity import Lenient, any_time, wfm_with
from simulator.wfm.mutants_model import WfmMutant
from simulator.wfm.server import ReferenceWfm

_CROWD = 8
"""So many connections are served at once."""


class _BehindNotModified(web.Response):
    """A 304 with bytes behind it. The library would leave them out, so they are written past it."""

    async def write_eof(self, data: bytes = b"") -> None:
        request = self._req
        await super().write_eof(data)
        if request is not None and request.transport is not None:
            request.transport.write(b'{"manifestVersion":1}')


class _BodyBehindNotModified(ManagementApi):
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await super().handle(request)
        return _BehindNotModified(status=304, headers=answer.headers) if answer.status == 304 else answer


class _OldAnswer(web.Response):
    """An answer in HTTP/1.0, whatever version was asked in."""

    async def _write_headers(self) -> None:
        writer = cast("Any", self._payload_writer)
        await writer.write_headers(f"HTTP/1.0 {self.status} {self.reason}", self.headers)


class _OldHttp(ManagementApi):
    """Answers as HTTP/1.0, and closes."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = cast("web.Response", await super().handle(request))
        old = _OldAnswer(body=answer.body, status=answer.status, headers=answer.headers)
        old.force_close()
        return old


class _FewConnections(ManagementApi):
    """Serves nobody while more connections are open than it has workers."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        server = cast("Any", request.protocol)._manager  # noqa: SLF001 - the server is not to be had otherwise
        return self.overloaded(503) if len(server.connections) > _CROWD else await super().handle(request)


class _LocksOut(ManagementApi):
    """Once it was too much, it stays too much."""

    _over = False

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._over:
            return self.overloaded(503)
        answer = await super().handle(request)
        self._over = answer.status in (429, 503)
        return answer


class _NoChunks(ManagementApi):
    """Takes a body of announced length only."""

    async def body(self, request: web.BaseRequest) -> bytes:
        if request.headers.get("Transfer-Encoding"):
            raise web.HTTPBadRequest
        return await super().body(request)


class _JsonOrBust(ManagementApi):
    """Breaks over a report that does not say that it is JSON."""

    async def body(self, request: web.BaseRequest) -> bytes:
        if not request.headers.get("Content-Type", "").startswith("application/json"):
            raise RuntimeError("no parser for this media type")
        return await super().body(request)


class _TagsOnly(ManagementApi):
    """Breaks over conditions that are more than one strong tag."""

    def changed(self, if_none_match: str | None, tag: str) -> bool:
        if if_none_match and not (if_none_match.startswith('"') and if_none_match.count('"') == 2):
            raise RuntimeError("no such tag")
        return super().changed(if_none_match, tag)


class _HalfLetIn(ManagementApi):
    """Clients with another key than one on P-256 are connected, and then refused."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        tls = cast("ssl.SSLObject", request.get_extra_info("ssl_object"))
        key = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"").public_key()
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return await super().handle(request)
        return self.refuse(Problem.of(ProblemType.NOT_AUTHORIZED, "only keys on P-256"))


class _Plain(ReferenceWfm):
    """Listens without TLS."""

    def _context(self, credential: CredentialSource, trust: TrustSource) -> ssl.SSLContext:
        del credential, trust
        return cast("ssl.SSLContext", None)


class _Remembering(Lenient):
    """Takes the identity from the leaf alone, which a resumed session has too."""

    def _check_peer(self) -> Peer:
        leaf = x509.load_der_x509_certificate(self.getpeercert(binary_form=True) or b"")
        return self.peer_of(leaf)


def _tickets(context: PolicyContext, credential: Credential) -> None:
    any_time(context, credential)
    context.options &= ~ssl.OP_NO_TICKET
    context.num_tickets = 2


def _weak_fallback(context: PolicyContext, _: Credential) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")


def _of_another_wfm(authority: Authority, own: SpiffeId) -> Credential:
    return authority.issue(wfm_spiffe_id(own.trust_domain, f"{own.segments[-1]}-standby"))


TRANSPORT = (
    WfmMutant("body-behind-not-modified", "DS-062", "A body comes behind a 304", api_class=_BodyBehindNotModified),
    WfmMutant("http-1.0", "API-003", "Every answer is HTTP/1.0", api_class=_OldHttp),
    WfmMutant("few-connections", "API-003", "Idle connections keep others out", api_class=_FewConnections),
    WfmMutant("no-chunks", "API-003", "A report in chunks is refused", api_class=_NoChunks),
    WfmMutant("json-or-bust", "ERR-001", "Another media type breaks it", api_class=_JsonOrBust),
    WfmMutant("one-strong-tag-only", "DS-062", "A list of tags breaks it", api_class=_TagsOnly),
    WfmMutant("locks-out", "RTY-001", "Who came too often is never served again", api_class=_LocksOut),
    WfmMutant("half-let-in", "ID-23", "Optional keys are let in, and refused then", api_class=_HalfLetIn),
    WfmMutant("without-tls", "SEC-002", "TLS is not spoken at all", wfm_class=_Plain),
    WfmMutant("weak-fallback", "ID-32", "TLS 1.2 is spoken with a cipher of old", wfm_class=wfm_with(_weak_fallback)),
    WfmMutant(
        "resumed-for-ever",
        "ID-38",
        "A resumed session lives on when its certificate does not",
        wfm_class=wfm_with(_tickets, _Remembering),
    ),
    WfmMutant("another-name", "ID-12", "The WFM shows the identity of another WFM", presents=_of_another_wfm),
    WfmMutant("chain-not-sent", "ID-20", "The WFM does not send its intermediate", presents=missing_intermediate),
)
