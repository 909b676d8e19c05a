"""The store's tables, for SQLite and PostgreSQL alike. Small on purpose: rows are the core's records."""

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, MetaData, String, Table, Text

SCHEMA_VERSION = "1"
metadata = MetaData()

meta = Table("wfm_meta", metadata, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False))

_CLIENT = String(2048)
_ID = String(1100)

TABLES: dict[str, Table] = {
    "clients": Table(
        "wfm_clients",
        metadata,
        Column("client_id", _CLIENT, primary_key=True),
        Column("retired", Boolean, nullable=False),
        Column("next_version", String(20)),
    ),
    "certificates": Table(
        "wfm_certificates",
        metadata,
        Column("client_id", _CLIENT, primary_key=True),
        Column("certificate", LargeBinary, nullable=False),
    ),
    "devices": Table(
        "wfm_devices",
        metadata,
        Column("client_id", _CLIENT, primary_key=True),
        Column("device_id", _ID, primary_key=True),
        Column("body", LargeBinary, nullable=False),
        Column("first_at", Float, nullable=False),
        Column("at", Float, nullable=False),
    ),
    "deployments": Table(
        "wfm_deployments",
        metadata,
        Column("client_id", _CLIENT, primary_key=True),
        Column("deployment_id", _ID, primary_key=True),
        Column("target", _ID, nullable=False),
        Column("document", LargeBinary, nullable=False),
        Column("about", Text, nullable=False),
        Column("phase", String(16), nullable=False),
        Column("created_at", Float, nullable=False),
        Column("changed_at", Float, nullable=False),
    ),
    "statuses": Table(
        "wfm_statuses",
        metadata,
        Column("client_id", _CLIENT, primary_key=True),
        Column("deployment_id", _ID, primary_key=True),
        Column("body", LargeBinary, nullable=False),
        Column("at", Float, nullable=False),
    ),
    "publications": Table(
        "wfm_publications",
        metadata,
        Column("client_id", _CLIENT, primary_key=True),
        Column("version", String(20), primary_key=True),
        Column("body", LargeBinary, nullable=False),
        Column("at", Float, nullable=False),
    ),
    "contents": Table(
        "wfm_contents",
        metadata,
        Column("client_id", _CLIENT, primary_key=True),
        Column("deployment_id", _ID, primary_key=True),
        Column("digest", String(80), primary_key=True),
        Column("body", LargeBinary, nullable=False),
    ),
    "packages": Table(
        "wfm_packages",
        metadata,
        Column("application_id", String(200), primary_key=True),
        Column("version", String(256), primary_key=True),
        Column("archive", LargeBinary, nullable=False),
        Column("at", Float, nullable=False),
    ),
    "journal": Table(
        "wfm_journal",
        metadata,
        Column("seq", Integer, primary_key=True, autoincrement=False),
        Column("at", Float, nullable=False),
        Column("actor", _CLIENT, nullable=False),
        Column("action", String(64), nullable=False),
        Column("client_id", _CLIENT, nullable=False),
        Column("device_id", _ID),
        Column("deployment_id", _ID),
        Column("detail", Text, nullable=False),
    ),
}
