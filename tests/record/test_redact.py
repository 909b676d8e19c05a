"""Secrets never reach the event file, wherever they stand; what is no secret comes through byte for byte."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.checks.evidence import Record, parsed
from conformance.checks.monitors.wfm_contents import deployments_have_the_promised_digest
from conformance.checks.monitors.wfm_problems import errors_are_problem_documents
from conformance.checks.registry import Seen
from conformance.record.events import Exchange, Fact, Header
from conformance.record.file import read, write
from conformance.record.redact import MAX_BODY_BYTES, REDACTED, address, body, headers, without_secrets
from tests.catalogue.documents import GOOD

SIMPLE_HEADER = Header(run="r", started="2026-01-01T00:00:00Z", suite="1", revision="1.0.0-rc.3", subjects=())
SETTINGS = settings(max_examples=40, deadline=None)

WORD = st.text("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789", min_size=8, max_size=24).map(
    lambda text: f"Zq7{text}9X"
)
"""What is planted: like no other word of a document."""
NAME = st.sampled_from(
    [
        "password",
        "Password",
        "db_password",
        "passwd",
        "token",
        "access_token",
        "refreshToken",
        "id-token",
        "secret",
        "client_secret",
        "apiKey",
        "api_key",
        "x-api-key",
        "privateKey",
        "AWS_SECRET_ACCESS_KEY",
        "passphrase",
    ]
)
ODD = st.sampled_from(['"', "\\", " ", "'", "\n", "é", "\u2028", "}", ",", "&", ""])

Place = Callable[[str, str, str], str]
"""From the name of a secret, the secret, and something odd that may follow it, to a document."""


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


PLACES: dict[str, Place] = {
    "json": lambda name, secret, odd: json.dumps({"a": 1, name: secret + odd + secret, "b": "kept"}),
    "json, laid out": lambda name, secret, odd: json.dumps({"b": "kept", "x": [{name: secret + odd}]}, indent=2),
    "json, not ascii": lambda name, secret, odd: json.dumps({name: odd + secret, "b": "kept"}, ensure_ascii=False),
    "json, a list": lambda name, secret, odd: json.dumps({name: [secret, odd + secret], "b": "kept"}),
    "json in json": lambda name, secret, _: json.dumps({"b": "kept", "x": json.dumps({name: secret, "c": 2})}),
    "json, cut off": lambda name, secret, _: json.dumps({"b": "kept", name: secret})[:-3],
    "yaml": lambda name, secret, odd: yaml.safe_dump({"a": {name: secret + odd + secret}, "b": "kept"}),
    "yaml, a list": lambda name, secret, odd: yaml.safe_dump([{name: secret + odd, "c": 1}, {"b": "kept"}]),
    "yaml, flow": lambda name, secret, _: yaml.safe_dump({"a": {name: secret, "c": 1}}, default_flow_style=True),
    "yaml, single quotes": lambda name, secret, odd: yaml.safe_dump({name: secret + odd}, default_style="'"),
    "yaml, double quotes": lambda name, secret, odd: yaml.safe_dump({name: secret + odd + secret}, default_style='"'),
    "yaml, folded": lambda name, secret, _: f"a:\n  {name}: >-\n    {secret}\n\n    {secret}\nb: kept\n",
    "yaml, literal": lambda name, secret, _: f"a:\n- {name}: |\n    {secret}\n    {secret}\n  c: 1\nb: kept\n",
    "yaml, next line": lambda name, secret, _: f"{name}:\n  {secret}\nb: kept\n",
    "yaml, over lines": lambda name, secret, _: f"{name}: some\n  {secret}\n  {secret}\nb: kept\n",
    "yaml, windows": lambda name, secret, _: f"a: 1\r\n{name}: {secret}\r\nb: kept\r\n",
    "form": lambda name, secret, _: f"grant_type=client&{name}={secret}&b=kept",
    "url with user": lambda _, secret, __: json.dumps({"b": "kept", "url": f"https://me:{secret}@host.example/x"}),
    "url with query": lambda name, secret, _: f"see https://host.example/x?a=1&{name}={secret}#kept",
    "bearer": lambda _, secret, __: f"kept\nAuthorization is Bearer {secret}\n",
    "jwt": lambda _, secret, __: json.dumps({"b": "kept", "x": f"eyJhbGciOi.{secret}.{secret}"}),
    "pem": lambda _, secret, __: f"kept\n-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n",
    "pem in yaml": lambda _, secret, __: (
        f"key: |\n    -----BEGIN RSA PRIVATE KEY-----\n    {secret}\n    -----END RSA PRIVATE KEY-----\nb: kept\n"
    ),
    "pem in json": lambda _, secret, __: json.dumps(
        {"k": f"-----BEGIN EC PRIVATE KEY-----\n{secret}\n-----END EC PRIVATE KEY-----\n", "b": "kept"}
    ),
    "pem, cut off": lambda _, secret, __: f"kept\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n{secret}",
    "jwk": lambda _, secret, __: json.dumps({"keys": [{"kty": "EC", "x": "kept", "d": secret * 2}]}),
}


def exchange(**changes: object) -> Exchange:
    values: dict[str, object] = {"scenario": None, "seat": "client", "operation": "fetch-manifest", "method": "GET"}
    return Exchange.model_validate(values | {"target": "/api/v1/manifest", "status": 200} | changes)


def recorded(tmp_path_factory: pytest.TempPathFactory, *events: Any) -> tuple[bytes, tuple[Any, ...]]:
    path = tmp_path_factory.mktemp("run") / "events.ndjson"
    write(path, [SIMPLE_HEADER, *events])
    return path.read_bytes(), read(path)[1:-1]


@pytest.mark.parametrize("place", PLACES)
@given(name=NAME, secret=WORD, odd=ODD)
@SETTINGS
def test_a_secret_in_a_document_never_reaches_the_file(
    tmp_path_factory: pytest.TempPathFactory, place: str, name: str, secret: str, odd: str
) -> None:
    document = PLACES[place](name, secret, odd).encode()
    kept = body(document)
    # by the recorder, and by the writer alone for what is no body
    file, (back, _) = recorded(
        tmp_path_factory, exchange(request=kept, response=kept), Fact(scenario=None, kind="said", data={name: secret})
    )
    assert secret.encode() not in file
    assert back.request == kept
    assert kept.redacted
    assert kept.data is None, "what was replaced is not taken for what was sent"
    assert (kept.size, kept.digest) == (len(document), f"sha256:{hashlib.sha256(document).hexdigest()}")
    assert "kept" in (kept.text or "") or "kept" not in document.decode()


@pytest.mark.parametrize("place", [name for name in PLACES if "cut off" not in name])
@given(name=NAME, secret=WORD, odd=ODD)
@SETTINGS
def test_a_document_stays_what_it_was_but_for_its_secrets(place: str, name: str, secret: str, odd: str) -> None:
    document = PLACES[place](name, secret, odd)
    kept = body(document.encode())
    assert kept.readable is not None
    if not place.startswith(("json", "yaml")):
        return
    loads: Callable[[Any], Any] = json.loads if place.startswith("json") else yaml.safe_load

    def without(value: Any) -> Any:
        """The shape of a document, with what is secret in it taken for the same."""
        if isinstance(value, dict):
            return {key: "*" if key == name else without(item) for key, item in value.items()}
        return (
            [without(item) for item in value] if isinstance(value, list) else value if name not in str(value) else "*"
        )

    assert without(loads(kept.readable)) == without(loads(document))


@given(secret=WORD, number=st.integers(10**8, 10**12))
@SETTINGS
def test_a_secret_around_a_document_never_reaches_the_file(
    tmp_path_factory: pytest.TempPathFactory, secret: str, number: int
) -> None:
    around = (
        ("X-Api-Key", secret),
        ("Proxy-Authorization", f"Basic {secret}"),
        ("X-Auth-Token", secret),
        ("X-Forwarded-Authorization", secret),
        ("Cookie", f"session={secret}"),
        ("Set-Cookie", f"session={secret}; HttpOnly"),
        ("X-Amz-Security-Token", secret),
        ("My-Client-Secret", secret),
        ("Location", f"https://me:{secret}@wfm.example/next?a=1&access_token={secret}"),
        ("Referer", f"https://wfm.example/?sig={secret}"),
        ("Link", f"<https://wfm.example/?api_key={secret}>; rel=next"),
        ("WWW-Authenticate", f'Negotiate {secret}, Digest realm="kept", nonce="{secret}", opaque={secret}'),
        ("X-Remark", f"Bearer {secret} eyJhbGciOi.{secret}.{secret}"),
        ("ETag", '"sha256:00"'),
    )
    said = f"GET https://me:{secret}@wfm.example/x?token={secret} failed"
    events = (
        exchange(request_headers=around, response_headers=headers(around), error=said, target=f"/x?b=1&token={secret}"),
        Fact(scenario=None, kind="called", data={"url": said, "password": secret, "pin": {"apiKey": number}}),
        Fact(scenario=None, kind="called", data={"said": json.dumps({"client_secret": secret})}),
    )
    file, (back, *_) = recorded(tmp_path_factory, *events)
    assert secret.encode() not in file
    assert str(number).encode() not in file
    assert back.request_headers == back.response_headers == headers(around)
    assert back.target == f"/x?b=1&token={REDACTED}"
    told = dict(back.response_headers)
    assert told["ETag"] == '"sha256:00"'
    assert told["Location"] == f"https://{REDACTED}@wfm.example/next?a=1&access_token={REDACTED}"
    assert 'Digest realm="kept"' in told["WWW-Authenticate"]


MARGO = st.sampled_from(["oci://registry.example/charts/a", "https://wfm.example:8443/api/v1", "spiffe://t.test/a/b"])
VALUES = MARGO | st.sampled_from(
    ["sha256:" + "0" * 64, "1024Mi", "application/yaml", "installed", "oci://charts@sha256:00", "8m30s", "a@b.example"]
)
MEMBERS = st.sampled_from(
    [
        "deploymentId",
        "digest",
        "url",
        "manifestVersion",
        "tokenUrl",
        "secretName",
        "kty",
        "use",
        "x",
        "keys",
        "message",
        "value",
        "targets",
        "pointer",
        "name",
        "labels",
        "repository",
        "detail",
        "spiffe_sequence",
        "passwordPolicy",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(0, 2**64)
    | st.text(st.characters(exclude_characters="@="), max_size=30)
    | VALUES
)
ORDINARY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4), max_leaves=12
)


@given(document=ORDINARY, layout=st.sampled_from([None, 2]))
@settings(max_examples=100, deadline=None)
def test_ordinary_documents_come_through_byte_for_byte(document: Any, layout: int | None) -> None:
    for text in (json.dumps(document, indent=layout), yaml.safe_dump(document, allow_unicode=True)):
        kept = body(text.encode())
        assert kept.data == text.encode()
        assert not kept.redacted


@pytest.mark.parametrize("name", GOOD)
def test_margo_documents_come_through_byte_for_byte(name: str) -> None:
    for text in (json.dumps(GOOD[name]), json.dumps(GOOD[name], indent=1), yaml.safe_dump(GOOD[name])):
        assert body(text.encode()).data == text.encode()


def test_application_packages_come_through_byte_for_byte() -> None:
    found = [path for path in Path("features/applications").rglob("*") if path.is_file()]
    assert len(found) > 3
    for path in found:
        assert body(path.read_bytes()).data == path.read_bytes(), path


@pytest.mark.parametrize(
    "text",
    [
        "password: null\ntoken: ~\nsecret: true\n",
        '{"password": null, "token": {"type": "x"}}',
        "password:\n  minimum: 8\n  words:\n  - none\ntoken: {type: x}\n",
        "spiffe://user:pw@trust.example/x",
        "Bearer authentication is required",
    ],
)
def test_what_only_looks_like_a_secret_is_kept(text: str) -> None:
    assert without_secrets(text) == text


def test_what_was_replaced_once_stays_so() -> None:
    for place in PLACES.values():
        once = without_secrets(place("token", "Zq7abcdefgh9X", '"'))
        assert without_secrets(once) == once
        assert address(once) == once


def test_a_secret_among_bytes_that_are_no_text_takes_all_of_them() -> None:
    kept = body(b'\xff\xfe{"password": "Zq7abcdefgh9X"}')
    assert kept.cut
    assert kept.redacted
    assert (kept.text, kept.base64) == (REDACTED, None)


@pytest.mark.parametrize(
    "hostile",
    [
        '"password":[' + '"a" ' * 60_000,
        '"' + "password" * 30_000,
        "token: " * 30_000,
        "{" + " " * 200_000 + "token",
        "https://" * 30_000,
        "&a" * 100_000,
        "-----BEGIN PRIVATE KEY-----" * 9_000,
        "eyJ" + "a" * 200_000,
        "password:\n" * 20_000,
        '\\"token\\":' * 20_000,
        "Bearer " * 30_000,
        " \t" * 100_000 + "password",
        "a " * 100_000 + "token:",
    ],
    ids=range(13),
)
def test_hostile_bodies_take_no_time(hostile: str) -> None:
    begun = time.process_time()
    body(hostile.encode()[:MAX_BODY_BYTES])
    assert time.process_time() - begun < 5


# --- checks do not lie about what they cannot see ---------------------------------------------------------------------


def test_the_digest_of_content_is_judged_also_where_it_held_a_secret() -> None:
    document = b"kind: ApplicationDeployment\npassword: Zq7abcdefgh9X\n"
    digest = f"sha256:{hashlib.sha256(document).hexdigest()}"
    for promised, wanted in ((digest, Seen.KEPT), ("sha256:" + "0" * 64, Seen.BROKEN)):
        served = exchange(seat="server", operation="fetch-deployment", params={"digest": promised})
        served = served.model_copy(update={"response": body(document)})
        found = list(deployments_have_the_promised_digest(Record("wfm", (served,))))
        assert [item.seen for item in found] == [wanted]


def test_an_error_that_was_not_recorded_whole_accuses_nobody() -> None:
    problem = (("Content-Type", "application/problem+json"),)

    def judged(data: bytes) -> list[Seen]:
        item = exchange(seat="server", status=404, response=body(data), response_headers=problem)
        return [one.seen for one in errors_are_problem_documents(Record("wfm", (item,)))]

    assert judged(json.dumps({"status": 404, "token": "Zq7abcdefgh9X"}).encode()) == [Seen.KEPT, Seen.KEPT]
    assert judged(b'{"detail": "' + b"x" * MAX_BODY_BYTES + b'"}') == [Seen.KEPT, Seen.UNSEEN]
    assert judged(b"no JSON") == [Seen.KEPT, Seen.BROKEN]


def test_a_report_is_read_without_its_secrets() -> None:
    report = {"status": {"state": "failed", "error": {"code": "x", "token": "Zq7abcdefgh9X"}}}
    item = exchange(operation="report-status", request=body(json.dumps(report).encode()))
    (found,) = Record("device", (item,)).reports
    assert found.state == "failed"
    assert (parsed(item.request.readable) or {})["status"]["error"] == {"code": "x", "token": REDACTED}
