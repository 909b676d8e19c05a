"""Every deployment and bundle a WFM serves is the content its address promises, well-formed and cacheable for good."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.checks.evidence import Offer, Record, parsed_yaml
from conformance.checks.monitors.wfm_manifests import DIGEST, digest
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.archive import Unreadable, content_digest, decoded, opened
from conformance.checks.wfm.judged import BUNDLE_TYPE, Flaw, directives, expect, flaws, media_type, noted
from conformance.record.events import Exchange

YEAR_S = 31_536_000
EXTENSION = re.compile(r"x-[a-z][a-z0-9-]*-extensions")
_STATEMENTS = {
    "metadata/deviceId": "AD-006",
    "metadata": "AD-005",
    "spec/applicationId": "AD-009",
    "spec/deploymentProfile": "AD-014",
    "spec": "AD-013",
    "id": "AD-003",
}


def served(record: Record, operation: str) -> Iterator[Exchange]:
    """Give the exchanges of an operation that served content."""
    return iter(record.of(operation, status=200))


def documents(record: Record) -> Iterator[tuple[Exchange, dict[str, Any] | None]]:
    """Give each deployment that was served, as a mapping without its envelope; None when it is none."""
    envelope = record.catalogue.wire.deployment
    for item, document in whole_documents(record):
        inside = {name: value for name, value in (document or {}).items() if name not in envelope}
        yield item, None if document is None else inside


def whole_documents(record: Record) -> Iterator[tuple[Exchange, dict[str, Any] | None]]:
    """Give each deployment that was served, as a mapping with all that surrounds it; None when it is none."""
    for item in served(record, "fetch-deployment"):
        try:
            data = decoded(item)
        except Unreadable:
            continue
        if data is not None and item.method != "HEAD":
            document = parsed_yaml(data)
            yield item, dict(document) if document is not None else None


@check("DS-025", "DS-033", "DS-050", "DS-051", role="wfm", monitor=True, interpretations=("AMB-X-08",))
def deployments_have_the_promised_digest(record: Record) -> Iterator[Judgement]:
    """The digest in a deployment's address is that of the exact bytes served, after undoing the content coding."""
    for item in served(record, "fetch-deployment"):
        yield from _promised(item)


@check("DS-021", "DS-033", "DS-050", role="wfm", monitor=True, interpretations=("AMB-X-08",))
def bundles_have_the_promised_digest(record: Record) -> Iterator[Judgement]:
    """The digest in a bundle's address is that of the exact bytes served, after undoing the content coding."""
    for item in served(record, "fetch-bundle"):
        yield from _promised(item)


@check("DS-035", role="wfm", monitor=True)
def deployments_have_their_media_type(record: Record) -> Iterator[Judgement]:
    """A deployment is served as `application/yaml`."""
    for item in served(record, "fetch-deployment"):
        yield expect(media_type(item) == "application/yaml", "application/yaml", media_type(item), item)


@check("DS-018", role="wfm", monitor=True)
def bundles_have_their_media_type(record: Record) -> Iterator[Judgement]:
    """A bundle is served as `application/vnd.margo.bundle.v1+tar+gzip`."""
    for item in served(record, "fetch-bundle"):
        yield expect(media_type(item) == BUNDLE_TYPE, BUNDLE_TYPE, media_type(item), item)


@check("DS-036", "DS-063", "DS-052", role="wfm", monitor=True, interpretations=("AMB-X-06",))
def deployment_tag_is_the_digest(record: Record) -> Iterator[Judgement]:
    """The entity tag of a deployment is the digest of its address, in quotes."""
    for item in served(record, "fetch-deployment"):
        yield _tag(item)


@check("DS-042", "DS-063", "DS-052", role="wfm", monitor=True)
def bundle_tag_is_the_digest(record: Record) -> Iterator[Judgement]:
    """The entity tag of a bundle is the digest of its address, in quotes."""
    for item in served(record, "fetch-bundle"):
        yield _tag(item)


@check("DS-037", "DS-064", role="wfm", monitor=True)
def deployments_are_immutable(record: Record) -> Iterator[Judgement]:
    """A deployment may be kept for good: `max-age=31536000, immutable`, shared or private as the revision has it."""
    for item in served(record, "fetch-deployment"):
        yield _immutable(record, item)


@check("DS-043", "DS-064", role="wfm", monitor=True)
def bundles_are_immutable(record: Record) -> Iterator[Judgement]:
    """A bundle may be kept for good: `max-age=31536000, immutable`, shared or private as the revision has it."""
    for item in served(record, "fetch-bundle"):
        yield _immutable(record, item)


@check("DS-041", "DS-046", "DS-065", role="wfm", monitor=True)
def compressed_contents_say_what_they_vary_with(record: Record) -> Iterator[Judgement]:
    """Compressed content comes with `Vary: Accept-Encoding`."""
    for item in record.fetches:
        coding = item.response_header("Content-Encoding")
        if item.status == 200 and coding and coding.lower() != "identity":
            names = ["DS-041" if item.operation == "fetch-deployment" else "DS-046", "DS-065"]
            vary = item.response_header("Vary") or ""
            holds = "accept-encoding" in vary.lower() or vary.strip() == "*"
            yield expect(holds, "Vary: Accept-Encoding", vary or None, item, only=names)


@check("DS-024", "DS-032", role="wfm", monitor=True)
def deployments_bear_the_id_they_are_served_under(record: Record) -> Iterator[Judgement]:
    """The `id` inside a deployment is the one in the manifest and in its address."""
    for item, document in documents(record):
        wanted = item.params.get("deploymentId")
        found = (document or {}).get("id")
        yield expect(found == wanted, f"id {wanted}", found, item)


@check("AD-001", role="wfm", monitor=True, interpretations=("AMB-X-05", "AMB-C-16"))
def deployments_have_their_top_level(record: Record) -> Iterator[Judgement]:
    """A deployment has `id`, `metadata` and `spec` at its top, and round them what the revision puts there."""
    envelope = set(record.catalogue.wire.deployment)
    for item, document in whole_documents(record):
        found = set(document or {})
        holds = {"id", "metadata", "spec"} <= found and found & {"apiVersion", "kind"} == envelope
        yield expect(holds, ", ".join([*sorted(envelope), "id, metadata and spec"]), sorted(found), item)


@check("AD-002", role="wfm", monitor=True)
def deployments_say_what_they_are(record: Record) -> Iterator[Judgement]:
    """The envelope of a deployment says what it is, where the revision has one."""
    for item, document in whole_documents(record):
        for name, wanted in record.catalogue.wire.deployment.items():
            found = (document or {}).get(name)
            right = found == wanted if wanted is not None else isinstance(found, str) and bool(found)
            yield expect(right, f"{name}: {wanted or 'a text'}", repr(found), item)


@check(
    "AD-003", "AD-005", "AD-006", "AD-009", "AD-011", "AD-012", "AD-013", "AD-014", "AD-015", "AD-016", "AD-017",
    "AD-018", role="wfm", monitor=True, interpretations=("AMB-X-05", "AMB-X-24", "AMB-C-13", "A-19"),
)  # fmt: skip
def deployments_keep_to_their_schema(record: Record) -> Iterator[Judgement]:
    """A deployment has the members and the forms that the specification gives it."""
    for item, document in documents(record):
        found = list(flaws("application-deployment", document))
        broken = {name for flaw in found for name in _statements(flaw)}
        for name in deployments_keep_to_their_schema.requirements:
            shown = "; ".join(f"{flaw.path}: {flaw.message}" for flaw in found if name in _statements(flaw))
            yield expect(name not in broken, "a valid deployment", shown or "valid", item, only=[name])


@check("AD-025", "AD-026", "AD-027", role="wfm", monitor=True, interpretations=("AMB-C-10", "A-11"))
def device_constraints_keep_to_their_schema(record: Record) -> Iterator[Judgement]:
    """Eligibility rules name what they select by, and give what their operator needs."""
    for item, document in documents(record):
        profile = ((document or {}).get("spec") or {}).get("deploymentProfile") or {}
        if isinstance(profile, dict) and "deviceConstraints" in profile:
            found = [flaw for flaw in flaws("application-deployment", document) if "eligibilityRules" in flaw.path]
            shown = "; ".join(f"{flaw.path}: {flaw.message}" for flaw in found)
            yield expect(not found, "valid eligibility rules", shown or "valid", item)


@check("EXT-003", "EXT-004", "EXT-005", "EXT-007", role="wfm", monitor=True)
def extensions_are_well_named_objects(record: Record) -> Iterator[Judgement]:
    """An extension in a deployment is named `x-<lower-case letters, digits, dashes>-extensions`, and is an object."""
    for item, document in documents(record):
        for holder in _holders((document or {}).get("spec")):
            for name, value in holder.items():
                if str(name).lower().startswith("x-") and str(name).lower().endswith("-extensions"):
                    named = EXTENSION.fullmatch(str(name))
                    yield expect(named, "x-<name>-extensions", name, item, only=["EXT-003", "EXT-004", "EXT-005"])
                    yield expect(isinstance(value, dict), "an object", type(value).__name__, item, only=["EXT-007"])


@check("AD-032", "EXT-06", role="wfm", monitor=True)
def extensions_stand_in_the_spec(record: Record) -> Iterator[Judgement]:
    """Whatever extension a deployment has stands in its `spec`, neither beside it nor in its metadata."""
    for item, document in documents(record):
        parts = [document or {}, (document or {}).get("metadata")]
        outside = [name for part in parts if isinstance(part, dict) for name in part if EXTENSION.fullmatch(str(name))]
        inside = [name for part in _holders((document or {}).get("spec")) for name in part if EXTENSION.fullmatch(name)]
        if outside or inside:
            yield expect(not outside, "extensions in spec only", f"outside {outside}, in spec {inside}", item)


@check("DS-020", "DS-015", role="wfm", monitor=True, interpretations=("AMB-X-10",))
def bundles_are_flat_archives(record: Record) -> Iterator[Judgement]:
    """A bundle is a gzip-compressed tar with plain files at its root, and never empty."""
    for item in served(record, "fetch-bundle"):
        try:
            data = decoded(item)
            if data is None:
                continue
            archive = opened(data)
        except Unreadable as error:
            yield expect(False, "a gzip-compressed tar", error, item, only=["DS-020"])
            continue
        found = ", ".join(archive.strangers) or f"{len(archive.files)} files"
        yield expect(not archive.strangers, "plain files at the root", found, item, only=["DS-020"])
        yield expect(archive.files, "at least one file", f"{len(archive.files)} files", item, only=["DS-015"])


@check("DS-019", role="wfm", monitor=True, interpretations=("AMB-X-10",))
def bundles_hold_exactly_what_the_manifest_names(record: Record) -> Iterator[Judgement]:
    """A bundle holds exactly the deployments that the manifest naming it refers to: none missing, none extra."""
    for item in served(record, "fetch-bundle"):
        offer = _naming(record, item)
        try:
            data = decoded(item)
            if offer is None or data is None:
                continue
            held = sorted(digest(content) for content in opened(data).files.values())
        except Unreadable:
            continue
        wanted = sorted(str(ref.get("digest")) for ref in offer.refs)
        missing, extra = set(wanted) - set(held), set(held) - set(wanted)
        shown = f"{len(missing)} missing, {len(extra)} extra of {len(wanted)}"
        yield expect(held == wanted, "exactly the deployments of the manifest", shown, offer, item)


def _holders(spec: Any) -> Iterator[dict[str, Any]]:
    """Give the objects of a deployment that may hold extensions: spec, profile and components."""
    if not isinstance(spec, dict):
        return
    yield spec
    profile = spec.get("deploymentProfile")
    if isinstance(profile, dict):
        yield profile
        components = profile.get("components")
        yield from (one for one in components if isinstance(one, dict)) if isinstance(components, list) else ()


def _promised(item: Exchange) -> Iterator[Judgement]:
    if item.method == "HEAD":
        return
    wanted = item.params.get("digest", "")
    if not DIGEST.fullmatch(wanted):
        yield expect(False, "no content under an address without a digest", wanted, item, only=["DS-033"])
        return
    try:
        found = content_digest(item)
    except Unreadable as error:
        yield expect(False, "a body coded as its header says", error, item)
        return
    if found is not None:
        yield expect(found == wanted, wanted, found, item)


def _tag(item: Exchange) -> Judgement:
    wanted = f'"{item.params.get("digest")}"'
    found = item.response_header("ETag")
    coding = item.response_header("Content-Encoding")
    if coding and found and found != wanted and found.startswith("W/"):
        return noted(wanted, f"{found}, weak because of {coding}", item)
    return expect(found == wanted, f"ETag {wanted}", found, item)


def _immutable(record: Record, item: Exchange) -> Judgement:
    found, wanted = directives(item), record.catalogue.wire.sharing
    holds = wanted in found and "immutable" in found and found.get("max-age") == str(YEAR_S)
    holds = holds and not found.keys() & ({"private", "public", "no-store", "no-cache"} - {wanted})
    return expect(holds, f"{wanted}, max-age={YEAR_S}, immutable", item.response_header("Cache-Control"), item)


def _naming(record: Record, item: Exchange) -> Offer | None:
    """Give the newest manifest of the caller that names a bundle, served before it was fetched."""
    found = [
        offer
        for offer in record.offers
        if offer.exchange.client == item.client
        and offer.exchange.at <= item.at
        and (offer.bundle or {}).get("digest") == item.params.get("digest")
    ]
    return found[-1] if found else None


def _statements(flaw: Flaw) -> tuple[str, ...]:
    """Give the statements that a flaw of a deployment breaks."""
    if "eligibilityRules" in flaw.path or "capacityRequirements" in flaw.path:
        return ()
    if flaw.path.endswith("/properties/repository"):
        return ("AD-016",)
    if flaw.path.endswith("/properties/revision"):
        return ("AD-017", "AD-018")
    if flaw.path.startswith("spec/deploymentProfile/components/"):
        return ("AD-015",)
    if flaw.path == "spec/applicationId":
        return ("AD-009", "AD-011", "AD-012")
    names = (name for start, name in _STATEMENTS.items() if flaw.path == start or flaw.path.startswith(f"{start}/"))
    first = next(names, None)
    return (first,) if first else ()
