"""The WFM of the signed revision: onboarding, signatures, routes by client and its bodies of errors."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from simulator.identity.client_certificate import fingerprint, read_certificate, written_certificate
from simulator.identity.signatures import Algorithm
from simulator.protocol.signed import CERTIFICATE_PATH, ONBOARDING_PATH
from tests.signed.rig import WEB, certificate, client_of, onboarding, running

ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-v1_5-sha256", "rsa-pss-sha256")
CAPABILITIES: dict[str, Any] = {
    "apiVersion": "device.margo.org/v1alpha1",
    "kind": "DeviceCapabilitiesManifest",
    "properties": {"id": "press-1", "vendor": "Acme", "modelNumber": "P1", "serialNumber": "7"},
}


def body(**changes: Any) -> bytes:
    return json.dumps(CAPABILITIES | changes).encode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_client_of_every_algorithm_is_taken_in_and_understood(algorithm: Algorithm) -> None:
    async def go() -> None:
        async with running() as wfm, client_of(wfm, certificate(algorithm)) as client:
            assert (await client.onboard())[0] == 201
            assert (await client.onboard())[1] == {"clientId": client.client_id}
            target = client.route("/capabilities/press-1")
            assert (await client.send("PUT", target, body()))[0] == 201
            assert (await client.send("PUT", target, body()))[0] == 200
            status, headers, manifest = await client.send("GET", client.route("/deployments"))
            assert (status, manifest) == (200, {"manifestVersion": 1, "bundle": None, "deployments": []})
            tag = {"If-None-Match": headers["ETag"]}
            assert (await client.send("GET", client.route("/deployments"), headers=tag))[0] == 304
            assert (await client.send("DELETE", target))[0] == 204

    asyncio.run(go())


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "unsigned": ({"signed": False}, 401),
    "without the signature": ({"then": {"Signature": None}}, 401),
    "without its description": ({"then": {"Signature-Input": None}}, 401),
    "without the digest": ({"then": {"Content-Digest": None}}, 400),
    "another body": ({"sent": body(x=1)}, 400),
    "digest of another body": ({"then": {"Content-Digest": "sha-256=:AAAA:"}}, 400),
    "an hour old": ({"created": time.time() - 3600}, 401),
    "an hour ahead": ({"created": time.time() + 3600}, 401),
    "method not covered": ({"components": ("@target-uri", "content-digest")}, 401),
    "target not covered": ({"components": ("@method", "content-digest")}, 401),
    "digest not covered": ({"components": ("@method", "@target-uri")}, 401),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_request_that_is_not_signed_as_it_should_be_is_refused_and_changes_nothing(how: str) -> None:
    async def go() -> None:
        changes, expected = REFUSED[how]
        async with running() as wfm, client_of(wfm) as client:
            await client.onboard()
            target = client.route("/capabilities/press-1")
            status, headers, found = await client.send("PUT", target, body(), **changes)
            assert (status, headers["Content-Type"].partition(";")[0]) == (expected, "application/json")
            assert found["error"] == "Invalid signature"
            assert found["message"]
            assert not wfm.core.client(client.client_id).devices
            assert (await client.send("PUT", target, body()))[0] == 201  # its twin

    asyncio.run(go())


def test_the_signature_of_one_client_is_no_good_on_the_routes_of_another() -> None:
    async def go() -> None:
        async with running() as wfm, client_of(wfm) as one, client_of(wfm) as other:
            assert {(await one.onboard())[0], (await other.onboard())[0]} == {201}
            assert one.client_id != other.client_id
            assert (await one.send("GET", other.route("/deployments")))[0] == 401
            assert (await other.send("GET", other.route("/deployments")))[0] == 200
            assert (await one.send("GET", "/api/v1/clients/nobody/deployments"))[0] == 404
            await wfm.service.retire(one.client_id)
            assert (await one.send("GET", one.route("/deployments")))[0] == 403

    asyncio.run(go())


def test_what_cannot_be_onboarded_is_told_as_the_text_has_it() -> None:
    async def go() -> None:
        listed = certificate()
        accepted = frozenset({fingerprint(listed.certificate)})
        async with running(accepted=accepted) as wfm, client_of(wfm) as stranger, client_of(wfm, listed) as known:
            assert await stranger.onboard() == (
                403,
                {"error": "Client rejected", "message": "the certificate is not one that the operator accepts"},
            )
            assert (await known.onboard(signed=False))[0] == 401
            for text in ("", "bm9uc2Vuc2U=", "%%%"):
                status, _, found = await known.send("POST", ONBOARDING_PATH, onboarding(text))
                assert (status, found["error"]) == (400, "Invalid certificate"), text
            assert (await known.send("POST", ONBOARDING_PATH, b'{"certificate": "x"}'))[0] == 400
            pem = onboarding(written_certificate(listed.certificate, "pem"))
            assert (await known.send("POST", ONBOARDING_PATH, pem))[0] == 201

    asyncio.run(go())


def test_the_root_certificate_is_given_without_a_signature() -> None:
    async def go() -> None:
        async with running() as wfm, client_of(wfm) as client:
            status, _, found = await client.send("GET", CERTIFICATE_PATH, signed=False)
            assert status == 200
            assert "\n" not in found["certificate"]
            assert read_certificate(found["certificate"]) == WEB.root.certificate

    asyncio.run(go())


def test_envelopes_are_required_and_documents_refused_with_the_field() -> None:
    async def go() -> None:
        async with running() as wfm, client_of(wfm) as client:
            await client.onboard()
            target = client.route("/capabilities/press-1")
            for wrong in ({"kind": "Other"}, {"apiVersion": None}, {"labels": {"a": "b"}}):
                status, _, found = await client.send("PUT", target, body(**wrong))
                assert status == 422, wrong
                assert next(iter(wrong)) in found["message"]
            assert (await client.send("PUT", target, b"{"))[0] == 400
            assert (await client.send("PUT", target, body()))[0] == 201

    asyncio.run(go())


def test_clients_and_what_they_reported_outlive_a_restart(tmp_path: Path) -> None:
    async def go() -> None:
        own, store = certificate(), f"sqlite:///{tmp_path / 'wfm.db'}"
        async with running(store) as wfm, client_of(wfm, own) as client:
            await client.onboard()
            await client.send("PUT", client.route("/capabilities/press-1"), body())
            client_id = client.client_id
        async with running(store) as wfm, client_of(wfm, own) as client:
            client.client_id = client_id
            assert (await client.send("PUT", client.route("/capabilities/press-1"), body()))[0] == 200
            assert (await client.onboard())[1] == {"clientId": client_id}

    asyncio.run(go())
