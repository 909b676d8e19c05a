"""`doctor`: the known departures that a WFM shows, and the line that has a run go on past them."""

import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx

from conformance.bench.accommodations.finding import DEPLOYING, Visit, every, proposed, visit
from conformance.bench.adapters.opening import open_northbound
from conformance.bench.applications import applications
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.northbound import Northbound
from conformance.bench.recorder import Recorder
from conformance.bench.wfm_bench import WfmBench
from conformance.bench.wfm_binding import signed_binding
from conformance.bench.wfm_seat import Sharing, accommodating, external_seat
from conformance.catalogue import DEFAULT_REVISION, load
from conformance.cli.diagnosis import Diagnosis
from conformance.cli.identity_folder import IdentityFolder
from conformance.record.file import EVENT_FILE, EventWriter
from simulator.protocol.signed import REVISION as SIGNED_REVISION

TIMEOUT_S = 5.0


def server_trusted(url: str, identity: Path) -> Diagnosis:
    """See whether the root CA in the folder vouches for the WFM's server. Raises UsageError."""
    context = signed_binding(identity).anchors.client_context()
    try:
        with httpx.Client(verify=context, timeout=TIMEOUT_S) as client:
            answer = client.get(url)
    except httpx.TransportError as error:
        hint = "root-ca.pem in --identity has to vouch for the server, which has to want no certificate of a client"
        return Diagnosis("tls", False, f"no HTTPS with {url}: {error}", hint)
    return Diagnosis("tls", True, f"{answer.http_version}, the server is vouched for by {identity}")


def departures(
    url: str, identity: Path, revision: str, client_id: str | None, northbound: str | None
) -> Iterator[Diagnosis]:
    """Visit a WFM, and tell each known departure that it shows. Raises UsageError for what cannot be used."""
    operator = open_northbound(northbound) if northbound else None
    try:
        seen = _visited(url, identity, revision, client_id, operator)
    finally:
        if operator is not None:
            operator.close()
    command = ["margo-conformance", "run", "wfm", "--revision", revision, "--url", url, "--identity", str(identity)]
    command += ["--northbound", northbound] if northbound else []
    yield from _told(seen, revision, command, deployed=operator is not None)


def _visited(url: str, identity: Path, revision: str, client_id: str | None, operator: Northbound | None) -> Visit:
    ics = Ics.of_reference("wfm", revision)
    client_id = client_id or _CLIENT[revision](identity)
    sharing = Sharing((client_id,) if client_id else ())
    seat = external_seat(ics, url, operator, identity, applications(), sharing=sharing)
    seat = accommodating(seat, every("wfm", revision))
    loop = BackgroundLoop()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="margo-doctor-") as folder,
            EventWriter(Path(folder) / EVENT_FILE) as to,
        ):
            recorder = Recorder(to)
            bench = seat.make_bench(ics, recorder, load(revision), loop)
            assert isinstance(bench, WfmBench)  # noqa: S101 - made by the seat of a WFM
            recorder.begin(1, "wfm", {"revision": revision})
            try:
                return visit(bench)
            finally:
                bench.close()
    finally:
        loop.close()


def _first_client(identity: Path) -> str | None:
    return IdentityFolder(identity).load_client(None).spiffe_id.segments[-1]


_CLIENT: Mapping[str, Callable[[Path], str | None]] = {DEFAULT_REVISION: _first_client, SIGNED_REVISION: lambda _: None}
"""The client of the folder that a WFM knows already; None where clients make themselves known."""


def _told(seen: Visit, revision: str, command: list[str], *, deployed: bool) -> Iterator[Diagnosis]:
    for item in seen.found:
        one = item.accommodation
        said = f"{one.name} ({', '.join(one.breaks)}): expected {one.expected}, found {one.found}"
        yield Diagnosis("departs", False, f"{said}; {item.evidence}")
    for what in seen.left:
        yield Diagnosis("not looked at", False, what, "what comes behind it was not looked at either")
    if not deployed:
        names = sorted({one.name for one in every("wfm", revision)} & DEPLOYING)
        yield Diagnosis("not looked for", True, f"{', '.join(names)}: give --northbound, so that there is a deployment")
    if not seen.found:
        yield Diagnosis("departures", True, "none of those that are known")
        return
    past = [word for name in proposed(seen.found, "wfm", revision) for word in ("--accommodate", name)]
    yield Diagnosis("to go on", True, shlex.join([*command, *past]))
