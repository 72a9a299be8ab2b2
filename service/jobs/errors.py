"""What can go wrong with jobs, beside what can go wrong with an edit."""

from __future__ import annotations

from typing import Final

from service.errors import Kind

NO_JOB: Final = Kind(404, "job_not_found")
OTHER_BODY: Final = Kind(409, "idempotency_conflict")
NOT_DONE: Final = Kind(409, "job_not_done")
GONE: Final = Kind(410, "result_gone")
NO_DATABASE: Final = Kind(503, "jobs_unavailable")
STORAGE_FULL: Final = Kind(507, "storage_full")

# Of a job alone, as its `error`.
CRASHED: Final = "crashed"
BUNDLE_GONE: Final = "bundle_gone"

ALL: Final = (NO_JOB, OTHER_BODY, NOT_DONE, GONE, NO_DATABASE, STORAGE_FULL)
