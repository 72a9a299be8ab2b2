"""The database of jobs: SQLite in a folder, or PostgreSQL."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    TimeoutError,
)

from service.errors import HttpError
from service.jobs.errors import NO_DATABASE
from service.jobs.tables import METADATA

log = logging.getLogger("bentoml.retouch")

FILE: Final = "jobs.sqlite"
_BUSY_S: Final = 30  # for which SQLite waits for another writer
_REACH_S: Final = 5  # for which PostgreSQL may take to be reached
_READING: Final = "reading"
_CREATING: Final = 0x7265746F756368  # the key of PostgreSQL's lock: "retouch"

Clock = Callable[[Connection], float]
"""Seconds since 1970 as every replica counts them."""


class Database:
    """Transactions, and the time. For any thread; every method blocks.

    A context raises `HttpError` 503 when the database cannot be reached.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self.now = clock
        with self.writing() as connection:
            if engine.dialect.name == "postgresql":  # replicas that start together
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_CREATING})"))
            METADATA.create_all(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction; in SQLite one writes at a time, others wait."""
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that changes nothing, and waits for none."""
        engine = self._engine.execution_options(**{_READING: True})
        with _translated(), engine.connect() as connection:
            yield connection

    def close(self) -> None:
        self._engine.dispose()


def open_database(url: str, folder: Path, clock: Clock | None = None) -> Database:
    """PostgreSQL at `url`; if it is empty, SQLite in `folder`, which is made.

    Raises `ValueError` with the reason when it cannot be opened.
    """
    try:
        return _postgresql(url, clock) if url else _sqlite(folder, clock)
    except OSError as exc:
        raise ValueError(
            f"the folder of jobs cannot be made ({exc}); set RETOUCH_JOBS_DIR to another"
        ) from exc
    except (ArgumentError, NoSuchModuleError, ImportError) as exc:
        raise ValueError(
            f"RETOUCH_JOBS_DATABASE cannot be used ({type(exc).__name__}); set it to "
            "postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        ) from exc
    except (HttpError, DatabaseError) as exc:
        where = "RETOUCH_JOBS_DATABASE" if url else f"RETOUCH_JOBS_DIR, {folder}"
        reason = _reason(exc.__cause__ if isinstance(exc, HttpError) else exc)
        raise ValueError(f"the database of jobs ({where}) cannot be opened: {reason}") from exc


def _sqlite(folder: Path, clock: Clock | None) -> Database:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{folder / FILE}", connect_args={"timeout": _BUSY_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return Database(engine, clock or (lambda _: time.time()))


def _postgresql(url: str, clock: Clock | None) -> Database:
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=_REACH_S,
        connect_args={"connect_timeout": _REACH_S},
    )
    return Database(engine, clock or _postgresql_time)


def _postgresql_time(connection: Connection) -> float:
    return float(
        connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
    )


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; `_begin` does
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    """A transaction that will write takes the lock at once: one that reads first might fail."""
    reading = connection.get_execution_options().get(_READING)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _reason(exc: BaseException | None) -> str:
    """The driver's words alone, on one line: SQLAlchemy's add the statement."""
    return " ".join(str(getattr(exc, "orig", exc)).split())


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, TimeoutError) as exc:
        log.warning("the database of jobs failed: %s", _reason(exc))
        raise HttpError(
            NO_DATABASE, "the database of jobs cannot be reached now; try again"
        ) from exc
