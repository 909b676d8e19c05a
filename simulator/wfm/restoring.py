"""From the store's rows back to the state of all clients."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from simulator.wfm.changes import deployment_of, device_of, journal_of, publication_of, status_of
from simulator.wfm.publishing import BUNDLE_KEY
from simulator.wfm.state import ClientState, JournalEntry

Rows = Mapping[str, Iterable[Mapping[str, Any]]]


def restore_client(rows: Rows, client: Callable[[str], ClientState]) -> tuple[list[JournalEntry], list[ClientState]]:
    """Fill the states that `client` gives from the rows; returns the journal and every client found."""
    clients: dict[str, ClientState] = {}
    for row in rows.get("clients", ()):
        state = clients[row["client_id"]] = client(row["client_id"])
        state.retired = bool(row["retired"])
        state.next_version = int(row["next_version"]) if row["next_version"] else None
    for row in rows.get("devices", ()):
        client(row["client_id"]).devices[row["device_id"]] = device_of(row)
    for row in sorted(rows.get("deployments", ()), key=lambda row: row["created_at"]):
        client(row["client_id"]).deployments[row["deployment_id"]] = deployment_of(row)
    for row in rows.get("statuses", ()):
        client(row["client_id"]).statuses[row["deployment_id"]] = status_of(row)
    for row in sorted(rows.get("publications", ()), key=lambda row: row["version"]):
        _publish(client(row["client_id"]), row)
    for row in rows.get("contents", ()):
        state, body = client(row["client_id"]), bytes(row["body"])
        if row["deployment_id"] == BUNDLE_KEY:
            state.bundles[row["digest"]] = body
        else:
            state.documents[row["deployment_id"], row["digest"]] = body
    journal = sorted((journal_of(row) for row in rows.get("journal", ())), key=lambda entry: entry.seq)
    return journal, list(clients.values())


def _publish(client: ClientState, row: Mapping[str, Any]) -> None:
    publication = publication_of(row)
    if publication.version > client.latest.version:
        client.latest = client.served = publication
    client.history[publication.version] = publication
    # version 1 without deployments is implied, and has been superseded once anything else was published
    client.history.move_to_end(publication.version)
