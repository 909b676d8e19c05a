"""The durable store: one writer thread that commits many writers' changes together (group commit).

A write returns only when its changes are on disk: SQLite in WAL mode with synchronous=FULL, or PostgreSQL. Changes are
committed in the order in which they were written, and those of one write all or none.
"""

import asyncio
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, and_, bindparam, create_engine, delete, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from simulator.wfm.changes import KEYS, Change, Drop, Put, Row
from simulator.wfm.schema import SCHEMA_VERSION, TABLES, meta, metadata
from simulator.wfm.service import StoreFailed

MAX_BATCH = 512
LOCK_NUMBER = 0x6D6172676F
"""Of the advisory lock that holds a PostgreSQL store."""
_BACKENDS = ("sqlite", "postgresql")


class StoreUnusable(Exception):
    """A store that cannot be opened: the URL is wrong, the database out of reach, or its schema another's."""


@dataclass(frozen=True, slots=True)
class _Ticket:
    """One write, waiting for its commit."""

    changes: tuple[Change, ...]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[None]"
    wipe: bool = False


class SqlStore:
    """A store behind an SQLAlchemy URL such as `sqlite:///wfm.db` or `postgresql+psycopg://host/database`."""

    def __init__(self, url: str, max_batch: int = MAX_BATCH) -> None:
        """Prepare the store; raises StoreUnusable for a URL of an unknown kind."""
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() not in _BACKENDS:
                found = parsed.get_backend_name()
                raise StoreUnusable(f"store {shown_url(url)}: expected sqlite or postgresql, found {found}")
            self._engine = create_engine(parsed, poolclass=NullPool)
        except (ArgumentError, ImportError) as error:
            raise StoreUnusable(f"store {shown_url(url)}: {error}") from None
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _durable_sqlite)
        self._max_batch = max_batch
        self._queue: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._statements = _Statements(self._engine)

    async def open(self) -> dict[str, list[Row]]:
        """Make or check the schema, give every row by table, and start the writer. Raises StoreUnusable."""
        try:
            rows = await asyncio.to_thread(self._prepare)
        except SQLAlchemyError as error:
            raise StoreUnusable(f"store {self._engine.url.render_as_string()}: {_cause(error)}") from None
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="wfm-store", daemon=True)
        self._thread.start()
        try:
            await asyncio.wrap_future(ready)
        except StoreUnusable as error:
            raise StoreUnusable(f"store {self._engine.url.render_as_string()}: {error}") from None
        return rows

    async def close(self) -> None:
        """Commit what waits and stop the writer."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(thread.join)
        self._engine.dispose()

    async def write(self, changes: Sequence[Change]) -> None:
        """Return once the changes are committed. Raises StoreFailed; then none of them is durable."""
        if changes:
            await self._submit(tuple(changes))

    async def wipe(self) -> None:
        """Return once every row is deleted. Raises StoreFailed."""
        await self._submit((), wipe=True)

    async def _submit(self, changes: tuple[Change, ...], *, wipe: bool = False) -> None:
        if self._thread is None:
            raise StoreFailed("the store is closed")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Ticket(changes, loop, done, wipe))
        await done

    def _prepare(self) -> dict[str, list[Row]]:
        with self._engine.begin() as connection:
            metadata.create_all(connection)
            found = connection.execute(select(meta.c.value).where(meta.c.name == "schema")).scalar()
            if found is None:
                connection.execute(meta.insert().values(name="schema", value=SCHEMA_VERSION))
            elif found != SCHEMA_VERSION:
                name = self._engine.url.render_as_string()
                raise StoreUnusable(f"store {name}: expected schema {SCHEMA_VERSION}, found {found}")
            return {
                name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for name, table in TABLES.items()
            }

    def _run(self, ready: "Future[None]") -> None:
        """The writer thread: wait for one write, take what else waits, commit all of it, tell the writers."""
        try:
            connection = self._engine.connect()
            _claim(connection)
        except (SQLAlchemyError, StoreUnusable, sqlite3.Error) as error:
            ready.set_exception(StoreUnusable(f"the store is in use by another process: {error}"))
            return
        ready.set_result(None)
        with connection:
            while batch := self._next_batch():
                failure = self._commit(connection, batch)
                for loop, tickets in _by_loop(batch).items():
                    _tell(loop, tickets, failure)

    def _next_batch(self) -> list[_Ticket]:
        """The writes that wait, at most `max_batch`; none when the store closes."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        while len(batch) < self._max_batch:
            try:
                ticket = self._queue.get_nowait()
            except queue.Empty:
                break
            if ticket is None:
                self._queue.put(None)
                break
            batch.append(ticket)
        return batch

    def _commit(self, connection: Connection, batch: list[_Ticket]) -> StoreFailed | None:
        """Commit a batch; for each key only its last change counts."""
        final: dict[tuple[str, tuple[Any, ...]], Change] = {}
        wiped = False
        for ticket in batch:
            if ticket.wipe:
                final.clear()
                wiped = True
            for change in ticket.changes:
                final.pop((change.table, change.key), None)
                final[change.table, change.key] = change
        try:
            with connection.begin():
                for table in TABLES.values() if wiped else ():
                    connection.execute(delete(table))
                self._statements.execute(connection, list(final.values()))
        except SQLAlchemyError as error:
            return StoreFailed(_cause(error))
        return None


class _Statements:
    """The compiled upserts and deletes of every table."""

    def __init__(self, engine: Engine) -> None:
        insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
        self._put: dict[str, Any] = {}
        self._drop: dict[str, Any] = {}
        for name, table in TABLES.items():
            keys = KEYS[name]  # type: ignore[index]
            statement = insert(table)
            values = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
            self._put[name] = statement.on_conflict_do_update(index_elements=list(keys), set_=values)
            self._drop[name] = delete(table).where(and_(*(table.c[key] == bindparam(f"key_{key}") for key in keys)))

    def execute(self, connection: Connection, changes: Sequence[Change]) -> None:
        """Carry out changes of which no two have the same key."""
        puts: dict[str, list[Row]] = defaultdict(list)
        drops: dict[str, list[Row]] = defaultdict(list)
        for change in changes:
            if isinstance(change, Put):
                puts[change.table].append(change.row)
            else:
                drops[change.table].append(_keys(change))
        for name, keys in drops.items():
            connection.execute(self._drop[name], keys)
        for name, rows in puts.items():
            connection.execute(self._put[name], rows)


def shown_url(url: str) -> str:
    """A store URL without its password."""
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url


def _keys(drop: Drop) -> Row:
    return {f"key_{name}": value for name, value in zip(KEYS[drop.table], drop.key, strict=True)}


def _claim(connection: Connection) -> None:
    """Hold the store until the process ends, however it ends: a second WFM would overwrite what this one accepted.

    Raises StoreUnusable or the driver's error when another process holds it.
    """
    if connection.dialect.name == "postgresql":
        if not connection.execute(select(func.pg_try_advisory_lock(LOCK_NUMBER))).scalar():
            raise StoreUnusable("its advisory lock is taken")
        connection.commit()
        return
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA locking_mode=EXCLUSIVE")
    cursor.execute("BEGIN IMMEDIATE")  # the lock is taken by the first write, and kept
    cursor.execute("COMMIT")
    cursor.close()


def _durable_sqlite(connection: Any, _: object) -> None:
    """Nothing acknowledged is lost when the process or the machine dies."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _by_loop(batch: list[_Ticket]) -> Mapping[asyncio.AbstractEventLoop, list[_Ticket]]:
    groups: dict[asyncio.AbstractEventLoop, list[_Ticket]] = defaultdict(list)
    for ticket in batch:
        groups[ticket.loop].append(ticket)
    return groups


def _tell(loop: asyncio.AbstractEventLoop, tickets: list[_Ticket], error: StoreFailed | None) -> None:
    """Wake the writers of one event loop, all in one call; a loop that has ended has nobody to tell."""
    try:
        loop.call_soon_threadsafe(_resolve, tickets, error)
    except RuntimeError:
        return


def _resolve(tickets: list[_Ticket], error: StoreFailed | None) -> None:
    for ticket in tickets:
        if ticket.done.done():
            continue
        if error is None:
            ticket.done.set_result(None)
        else:
            ticket.done.set_exception(error)


def _cause(error: SQLAlchemyError) -> str:
    """The database's own words, without SQL and parameters."""
    return " ".join(str(getattr(error, "orig", None) or error).split())
