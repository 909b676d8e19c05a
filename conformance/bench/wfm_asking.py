"""The ways in which a client asks for its manifest and for what it names."""

from conformance.bench.wfm_bench import WfmBench
from conformance.bench.wfm_clients import Client
from conformance.record.events import Exchange
from simulator.protocol.manifest import MANIFEST_MEDIA_TYPE

LATER_FORM = "application/vnd.margo.manifest.v9+json"
GOOD_FORMS = {
    "the form of the first version": MANIFEST_MEDIA_TYPE,
    "whatever there is": None,
    "anything": "*/*",
    "any application format": "application/*",
    "a later form first, then this one": f"{LATER_FORM}, {MANIFEST_MEDIA_TYPE};q=0.5",
}
BAD_FORMS = {
    "web pages": "text/html",
    "plain text": "text/plain",
    "pictures": "image/png, image/*;q=0.5",
    "a later form": LATER_FORM,
    "anything but this form": f"{MANIFEST_MEDIA_TYPE};q=0, text/html",
}
_NEVER = '"sha256:' + "0" * 64 + '"'


def naming(bench: WfmBench, name: str, held: str) -> Exchange:
    """Ask for the manifest with a tag; which one, and what has to come of it, follows from the words."""
    tag, how = _tag(bench.client(name), held)
    exchange = bench.poll(name, etag=tag)
    bench.note("conditional", {"exchange": exchange}, how=how, held=held)
    return exchange


def accepting(bench: WfmBench, name: str, forms: str) -> Exchange:
    """Ask for the manifest, accepting some forms only."""
    good = forms in GOOD_FORMS
    accept = GOOD_FORMS[forms] if good else BAD_FORMS[forms]
    exchange = bench.poll(name, headers=(("Accept", accept),) if accept is not None else ())
    expects, defect = (None, None) if good else ("not-acceptable", f"Accept: {accept}")
    return bench.sent(exchange, "fetch-manifest", "manifest", expects=expects, defect=defect)


def everything(bench: WfmBench, name: str) -> list[Exchange]:
    """Ask for the manifest and fetch everything it names."""
    offer = bench.manifest(name)
    return [bench.sent(item, item.operation, item.target) for item in bench.fetch_everything(name, offer)]


def everything_former(bench: WfmBench, name: str) -> None:
    """Fetch everything that the manifest before the last change named."""
    client = bench.client(name)
    change = bench.record.facts_of("published")[-1]
    offers = [offer for offer in bench.record.offers if offer.exchange.n == change.ref("before")]
    now = {str(ref.get("digest")) for ref in client.last.refs}
    urls = [ref.get("url") for offer in offers for ref in offer.refs if str(ref.get("digest")) not in now]
    urls += [offer.bundle.get("url") for offer in offers if offer.bundle]
    bench.note("former-content", {"exchanges": [bench.fetch(name, url) for url in urls]})


def everything_held(bench: WfmBench, name: str) -> None:
    """Fetch everything the manifest names, naming the tags under which it is held."""
    offer = bench.client(name).last
    holders = [*offer.refs, *([offer.bundle] if offer.bundle else [])]
    held = [bench.fetch(name, holder.get("url"), ("If-None-Match", f'"{holder.get("digest")}"')) for holder in holders]
    bench.note("content-held", {"exchanges": held})


def everything_escaped(bench: WfmBench, name: str) -> None:
    """Fetch everything the manifest names, with the colon of each digest percent-encoded."""
    offer = bench.client(name).last
    urls = [str(holder.get("url")) for holder in (*offer.refs, *([offer.bundle] if offer.bundle else []))]
    items = [bench.fetch(name, url.replace("sha256:", "sha256%3A")) for url in urls]
    bench.note("address-escaped", {"exchanges": items})


def everything_compressed(bench: WfmBench, name: str) -> None:
    """Fetch everything the manifest names, accepting gzip."""
    offer = bench.manifest(name)
    holders = [*offer.refs, *([offer.bundle] if offer.bundle else [])]
    items = [bench.fetch(name, holder.get("url"), ("Accept-Encoding", "gzip")) for holder in holders]
    bench.note("compression-accepted", {"exchanges": items})


def _tag(client: Client, held: str) -> tuple[str, str]:
    etag = client.last.etag or _NEVER
    first = (client.first or client.last).etag or _NEVER
    return {
        "the one it holds": (etag, "current"),
        "the first one it held": (first, "other"),
        "a manifest that never was": (_NEVER, "other"),
        "a digest without quotes": (_NEVER.strip('"'), "other"),
        "words that are no tag": ("latest, please", "other"),
        "the one it holds among others": (f"{_NEVER}, {etag}", "odd"),
        "the one it holds, marked as weak": (f"W/{etag}", "odd"),
        "anything at all": ("*", "odd"),
    }[held]
