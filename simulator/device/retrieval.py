"""Fetching components from their registry: the manifest by its tag, then the layer by its digest, verified before use.

Source: CMP-01..CMP-12, DEV-04, DEV-05; OCI distribution specification 1.1, Pull. The runtime of a device does this, not
its agent; what goes wrong is told as the failure of the component (ST-012).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from simulator.device.archives import ArchiveRefused, read_chart, read_compose
from simulator.device.events import StartComponent
from simulator.device.fetched import Package, RetrievalFailed
from simulator.identity.errors import IdentityError
from simulator.identity.retrieval import said_of
from simulator.identity.web import ServerTrust
from simulator.protocol.component import LAYER_TYPES, MANIFEST_MEDIA_TYPE, ComponentManifest, Descriptor, Reference
from simulator.protocol.digest import InvalidDigest, matches, parse_digest
from simulator.protocol.documents import MAX_DOCUMENT_BYTES, DocumentError

MAX_LAYER_BYTES = 64 * 1024 * 1024
UNAVAILABLE = "artefact-unavailable"
DAMAGED = "artefact-damaged"
REFUSED = "artefact-refused"
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """How registries are reached: what they have to prove, and how long an answer may take, in seconds."""

    trust: ServerTrust
    timeout_s: float = 30.0


class ComponentRetriever:
    """Fetches components. The methods without an underscore are where deliberately broken devices differ."""

    def __init__(self, access: RegistryAccess) -> None:
        self._access = access

    async def fetch(self, operation: StartComponent) -> Package:
        """Fetch a component and look into it; raises RetrievalFailed, whatever the registry does."""
        try:
            return await self._fetch(operation)
        except (DocumentError, InvalidDigest) as error:
            raise RetrievalFailed(DAMAGED, f"{operation.component}: {error}") from None
        except ArchiveRefused as error:
            raise RetrievalFailed(REFUSED, f"{operation.component}: {error}") from None
        except TimeoutError:
            text = f"{operation.repository} gave no answer within {self._access.timeout_s:g} s"
            raise RetrievalFailed(UNAVAILABLE, text) from None
        except (aiohttp.ClientError, IdentityError, OSError) as error:
            text = f"{operation.repository} could not be fetched: {said_of(error)}"
            raise RetrievalFailed(UNAVAILABLE, text) from None

    def verify(self, data: bytes, descriptor: Descriptor) -> None:
        """Compare content with its digest and size, before anything of it is read (CMP-12). Raises RetrievalFailed."""
        if not matches(data, parse_digest(descriptor.digest)):
            raise RetrievalFailed(DAMAGED, f"the content fetched does not have the digest {descriptor.digest}")

    def read(self, operation: StartComponent, layer: bytes) -> Package:
        """Look into the archive (CMP-05..CMP-10). Raises ArchiveRefused."""
        return read_chart(layer) if operation.kind == "helm" else read_compose(layer)

    async def _fetch(self, operation: StartComponent) -> Package:
        reference = Reference.parse(operation.repository)
        base = f"https://{reference.host}"
        context = await self._access.trust.context(base, self._access.timeout_s)
        timeout = aiohttp.ClientTimeout(total=self._access.timeout_s)
        async with (
            asyncio.timeout(self._access.timeout_s),
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, force_close=True), timeout=timeout, trust_env=False
            ) as session,
        ):
            path = reference.manifest_path(operation.revision)
            data = await _get(session, base + path, MAX_DOCUMENT_BYTES, {"Accept": MANIFEST_MEDIA_TYPE})
            layer = self._layer(ComponentManifest.from_json(data), operation.kind)
            content = await _get(session, base + reference.blob_path(layer.digest), MAX_LAYER_BYTES)
        self.verify(content, layer)
        return self.read(operation, content)

    def _layer(self, manifest: ComponentManifest, kind: str) -> Descriptor:
        wanted = LAYER_TYPES.get(kind, "")
        found = [layer for layer in manifest.layers if layer.media_type == wanted]
        if len(found) != 1:
            raise ArchiveRefused("CMP-02", f"expected one layer of the type {wanted}, found {len(found)}")
        return found[0]


async def _get(session: aiohttp.ClientSession, url: str, limit: int, headers: Mapping[str, str] | None = None) -> bytes:
    # a redirect could lead to an origin that the trust does not cover
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        if response.status != 200:
            raise RetrievalFailed(UNAVAILABLE, f"{url} was answered with status {response.status}")
        accept = (headers or {}).get("Accept")
        if accept is not None and response.content_type != accept:
            raise RetrievalFailed(DAMAGED, f"{url} is of the type {response.content_type}, expected {accept}")
        data = bytearray()
        async for part in response.content.iter_chunked(_CHUNK):
            data += part
            if len(data) > limit:
                raise RetrievalFailed(DAMAGED, f"{url} has more than {limit} bytes")
        return bytes(data)
