"""Requests that HTTP/1.1 permits and few clients send, requests at the limits, slow ones, and ones that break off.

Each stands between two ordinary requests of the same kind by the same client, which have to be served.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from conformance.bench.wfm_bench import ACCEPT_MANIFEST, JSON, WfmBench
from conformance.bench.wfm_clients import Deployed
from conformance.bench.wfm_requests import as_json, capabilities
from conformance.record.events import Exchange
from simulator.protocol.manifest import MANIFEST_MEDIA_TYPE
from simulator.protocol.operations import capabilities_path, manifest_path

Headers = tuple[tuple[str, str], ...]
LARGE_LABELS = 800
"""So many labels make a report of some 50 kilobytes, which is large and no attack."""
PIECES = 8
"""In so many pieces a slow request comes."""


@dataclass(frozen=True, slots=True)
class Odd:
    """A request for the manifest (`GET`, `HEAD`) or a device's report (`PUT`) that is out of the ordinary.

    `served` is whether HTTP and the interface demand that it be served; otherwise it may be refused as well.
    `tolerated` are refusals of what has to be served that another sentence permits.
    """

    method: str = "GET"
    headers: Headers = ACCEPT_MANIFEST
    change: Callable[[dict[str, Any]], bytes] = as_json
    served: bool = False
    tolerated: tuple[int, ...] = ()
    pieces: int = 1
    path: str = ""


def _chunked(document: dict[str, Any]) -> bytes:
    body = as_json(document)
    parts = [body[start : start + 100] for start in range(0, len(body), 100)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _large(document: dict[str, Any]) -> bytes:
    labels = {f"site.example/label-{number:04}": "x" * 40 for number in range(LARGE_LABELS)}
    return as_json({**document, "labels": labels})


def _indented(document: dict[str, Any]) -> bytes:
    return b"\r\n \t" + as_json(document).replace(b",", b" ,\n\t") + b"\n"


ODD: Mapping[str, Odd] = {
    # what a client may send, and a server of HTTP/1.1 understands
    "a head request": Odd("HEAD", served=True, tolerated=(405, 501)),
    "the whole address in its first line": Odd(path="absolute", served=True),
    "many headers nobody knows": Odd(
        headers=(*ACCEPT_MANIFEST, *((f"X-Line-{n}", "x" * 20) for n in range(40))), served=True
    ),
    "names of headers in capital letters": Odd(headers=(("ACCEPT", MANIFEST_MEDIA_TYPE),), served=True),
    "a report in chunks": Odd(
        "PUT", (*JSON, ("Transfer-Encoding", "chunked")), _chunked, served=True, tolerated=(411,)
    ),
    "a report that waits to be asked for": Odd(
        "PUT", (*JSON, ("Expect", "100-continue")), served=True, tolerated=(417,)
    ),
    "a report that comes slowly": Odd("PUT", JSON, served=True, pieces=PIECES),
    "a report with blanks between its words": Odd("PUT", JSON, _indented, served=True),
    "a report of many kilobytes": Odd("PUT", JSON, _large, served=True, tolerated=(413,)),
    "a report with a parameter behind its media type": Odd(
        "PUT", (("Content-Type", "application/json; charset=utf-8"),), served=True
    ),
    # what nothing says whether it is to be served
    "a report of another media type": Odd("PUT", (("Content-Type", "text/plain"),)),
    "a report without a media type": Odd("PUT", ()),
    "a report with two media types": Odd("PUT", (*JSON, ("Content-Type", "text/plain"))),
    "a report with a member nobody knows at its root": Odd(
        "PUT", JSON, lambda document: as_json({**document, "mood": "calm"})
    ),
    "a report with a name given twice": Odd("PUT", JSON, lambda document: b'{"labels":{},' + as_json(document)[1:]),
    "a report that is compressed by its header only": Odd("PUT", (*JSON, ("Content-Encoding", "gzip"))),
    "a report in another encoding": Odd("PUT", JSON, lambda document: as_json(document).decode().encode("utf-16")),
    "a report nested very deeply": Odd(
        "PUT",
        JSON,
        lambda document: as_json(document)[:-1] + b',"x-a-extensions":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    ),
    "a header of many kilobytes": Odd(headers=(*ACCEPT_MANIFEST, ("X-Long", "x" * 40_000))),
    "an address of many kilobytes": Odd(path="?" + "x" * 20_000),
    "a query nobody knows": Odd(path="?since=yesterday"),
    "a body where none belongs": Odd(headers=(*ACCEPT_MANIFEST, ("Content-Length", "2"))),
    "a range": Odd(headers=(*ACCEPT_MANIFEST, ("Range", "bytes=0-3"))),
    "a weight beyond one": Odd(headers=(("Accept", f"{MANIFEST_MEDIA_TYPE};q=7"),)),
    "a weight that is a word": Odd(headers=(("Accept", f"{MANIFEST_MEDIA_TYPE};q=high"),)),
    "a form that is no form": Odd(headers=(("Accept", "///"),)),
    "a form with a parameter": Odd(headers=(("Accept", f"{MANIFEST_MEDIA_TYPE};version=1"),)),
    "two lines of forms": Odd(headers=(("Accept", "text/html"), ("Accept", MANIFEST_MEDIA_TYPE)), served=True),
    "a list of forms with empty places": Odd(headers=(("Accept", f", {MANIFEST_MEDIA_TYPE} ,,"),), served=True),
    "its form in capital letters": Odd(headers=(("Accept", MANIFEST_MEDIA_TYPE.upper()),), served=True),
    "an unknown compression only": Odd(headers=(*ACCEPT_MANIFEST, ("Accept-Encoding", "zip-zap")), served=True),
    "no tag behind If-None-Match": Odd(headers=(*ACCEPT_MANIFEST, ("If-None-Match", ""))),
    "a tag without its end": Odd(headers=(*ACCEPT_MANIFEST, ("If-None-Match", '"sha256:abc'))),
    "a thousand tags": Odd(headers=(*ACCEPT_MANIFEST, ("If-None-Match", ", ".join(f'"{n}"' for n in range(1000))))),
    "a tag of strange letters": Odd(headers=(*ACCEPT_MANIFEST, ("If-None-Match", '"\xe4\xf6\xfc"'))),
    "a date it has changed since": Odd(
        headers=(*ACCEPT_MANIFEST, ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")), served=True
    ),
}


def odd(bench: WfmBench, name: str, what: str) -> Exchange:
    """Send one request that is out of the ordinary, between two that are not."""
    how, device_id = ODD[what], f"odd-{bench.mark}"
    before = [_ordinary(bench, name, how, f"{device_id}-before")]
    path, body = _target_and_body(how, capabilities(device_id), device_id)
    bare = how.path == "absolute"
    if bare:
        endpoint = bench.subject.endpoint
        path = f"https://{endpoint.authority}{endpoint.prefix}{path}"
    probe = bench.client(name).probe
    exchange = probe.send(how.method, path, how.headers, body, fresh=True, bare=bare, pieces=how.pieces)
    after = [_ordinary(bench, name, how, f"{device_id}-after")]
    bench.note(
        "odd-request",
        {"exchange": exchange, "before": before, "after": after},
        what=what,
        served=how.served,
        tolerated=list(how.tolerated),
    )
    return exchange


def _target_and_body(how: Odd, document: dict[str, Any], device_id: str) -> tuple[str, bytes | None]:
    if how.method == "PUT":
        return capabilities_path(device_id), how.change(document)
    suffix = "" if how.path == "absolute" else how.path
    # two bytes are announced where a length is given, and they come
    announced = any(key == "Content-Length" for key, _ in how.headers)
    return f"{manifest_path()}{suffix}", b"{}" if announced else None


def _ordinary(bench: WfmBench, name: str, how: Odd, device_id: str) -> Exchange:
    return bench.report(name, device_id) if how.method == "PUT" else bench.ask(name)


def break_off(bench: WfmBench, name: str, device_id: str) -> None:
    """Begin a report and end the connection in the middle of it; it counts as not reported."""
    body = as_json(capabilities(device_id))
    sent = bench.client(name).probe.break_off("PUT", capabilities_path(device_id), JSON, body)
    bench.note("broken-off", client=bench.client(name).identity, device=device_id, sent=sent, of=len(body))


def stand_still(bench: WfmBench, name: str, count: int) -> None:
    """Hold connections open on which nothing comes, or half a request."""
    client = bench.client(name)
    for number in range(count):
        probe = bench.probe(client.probe.presented)
        probe.stand_still("GET", manifest_path(), begun=number % 2 == 0)
    bench.note("standing-still", connections=count)


def change_at_once(bench: WfmBench, name: str, count: int) -> None:
    """Have the operator deploy to several devices at the same time, while the client asks for its manifest."""
    client, release = bench.client(name), bench.application("primary").release(1)
    devices = [bench.known_device(name, f"press-{number}") for number in range(1, count + 1)]
    bench.need_device(name, devices[-1])
    before = bench.manifest(name)
    bench.bring(release)
    operator = bench.subject.operator()

    def deploy(device_id: str) -> str:
        return operator.deploy(client.wfm_client_id, device_id, release.application_id, release.version, {})

    with ThreadPoolExecutor(count) as pool:
        pending = [pool.submit(deploy, device_id) for device_id in devices]
        while not all(item.done() for item in pending):
            bench.poll(name)
    for device_id, item in zip(devices, pending, strict=True):
        deployed = Deployed(bench.operate(item.result), "primary", device_id, release, {})
        client.deployments[f"primary@{device_id}"] = deployed
        bench.wanted("deployed", client, deployed, before)
    bench.note("changed-at-once", client=client.identity, changes=count)
    wanted = {item.deployment_id for item in client.deployments.values()}
    bench.await_manifest(name, before, lambda offer: wanted <= offer.deployment_ids, f"{count} deployments at once")
