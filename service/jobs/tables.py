"""The tables of jobs, alike in SQLite and PostgreSQL.

Pictures are kept as bytes in tables of their own: what is in the database is reached by every
replica, and a job and its pictures change in one transaction.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)


class Status(StrEnum):
    """Life of a job; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED: Final = (Status.QUEUED, Status.RUNNING)

# SQLite numbers only an INTEGER by itself.
_Number: Final = BigInteger().with_variant(Integer, "sqlite")

METADATA: Final = MetaData()

# `number` is the order of submission. Times are in seconds since 1970 (UTC). `key` is the digest of
# an idempotency key, `edits` are the parameters of every edit, `bytes` is what the job's pictures
# take, or may take once it is done.
JOBS: Final = Table(
    "retouch_jobs",
    METADATA,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("key", String(64), unique=True),
    Column("fingerprint", String(64), nullable=False),
    Column("bundle", String(64), nullable=False),
    Column("edits", JSON, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("step", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("owner", String(32)),
    Column("lease", Double),
    Column("error", JSON(none_as_null=True)),
    Index("retouch_jobs_queue", "status", "number"),
    sqlite_autoincrement=True,
)


def _job() -> Column[int]:
    return Column("job", _Number, ForeignKey(JOBS.c.number, ondelete="CASCADE"), primary_key=True)


UPLOADS: Final = Table(
    "retouch_uploads", METADATA, _job(), Column("data", LargeBinary, nullable=False)
)

# `place` is that of the edit among the job's; `facts` are what the result says beside its pixels.
RESULTS: Final = Table(
    "retouch_results",
    METADATA,
    _job(),
    Column("place", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("facts", JSON, nullable=False),
)
