"""How the service runs, read from the environment."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runtime.backends.base import BACKEND_NAMES
from runtime.errors import InvalidRequest
from runtime.nvidia.options import GpuOptions
from runtime.scheduler import Limits
from service.guard.access import Access
from service.guard.keys import parse_keys
from service.logs import FORMATS

SOURCE_ROOT: Final = Path(__file__).resolve().parent.parent
EMBEDDED: Final = SOURCE_ROOT / "models" / "mini"
_PREFIX: Final = "RETOUCH_"
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.:\[\]-]+")  # as browsers write them
_CONTENT_THRESHOLD: Final = 0.8  # "highly probable" by those who trained the network


@dataclass(frozen=True, slots=True)
class JobSettings:
    """Where jobs are kept, and their bounds.

    `database` is the URL of a PostgreSQL, or empty for SQLite in `folder`. Results are kept for
    `keep` seconds; `most_queued` jobs wait, all pictures take `most_bytes`, and `most_edits` of
    jobs are in the engine at one time.
    """

    folder: Path
    database: str
    keep: float
    most_queued: int
    most_bytes: int
    most_edits: int


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator chooses. docs/http.md lists the variables.

    `max_upload` is in bytes, `max_uploads` are those on their way at one time; `upload`, `timeout`
    and `drain` are in seconds; `max_variations` and `max_sweep` bound the edits of one call.
    Pictures whose score reaches `content_threshold` are refused; None leaves them unchecked.
    `weights` is a folder of packages that may be served in the place of the bundle's own weights.
    """

    bundle: Path
    backend: str
    device: str
    precision: str
    gpu: GpuOptions
    limits: Limits
    max_upload: int
    max_uploads: int
    upload: float
    timeout: float
    drain: float
    max_variations: int
    log: str
    jobs: JobSettings
    translator: Path | None
    max_sweep: int
    access: Access
    content_threshold: float | None
    weights: Path | None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the variables that start with `RETOUCH_`; an unset or empty one has its default.

        A relative path starts at the current folder. Raises `ValueError` that names the
        variable.
        """
        read = _Reader(env)
        limits = _limits(read)
        variations = read.whole("MAX_VARIATIONS", 8, least=1)
        translator, weights = read.text("TRANSLATOR", ""), read.text("WEIGHTS_DIR", "")
        sweep = read.whole("MAX_SWEEP", 36, least=2)
        return cls(
            bundle=Path(read.text("BUNDLE", str(EMBEDDED))).absolute(),
            backend=read.choice("BACKEND", BACKEND_NAMES),
            device=read.text("DEVICE", "auto"),
            precision=read.text("PRECISION", "auto"),
            gpu=GpuOptions(read.flag("CUDA_GRAPHS"), read.whole("GPU_MEMORY_MB", 0) * 2**20),
            limits=limits,
            max_upload=int(read.number("MAX_UPLOAD_MB", 25, most=1024) * 2**20),
            max_uploads=read.whole("MAX_UPLOADS", 32, least=1),
            upload=read.number("UPLOAD_SECONDS", 60, most=3600),
            timeout=read.number("TIMEOUT_SECONDS", 600, most=3600),
            drain=read.number("DRAIN_SECONDS", 25, most=3600),
            max_variations=min(variations, limits.capacity),
            log=read.choice("LOG", FORMATS),
            jobs=_jobs(read, env, limits),
            translator=Path(translator).absolute() if translator else None,
            max_sweep=min(sweep, limits.capacity),
            access=_access(read),
            content_threshold=_content_threshold(read),
            weights=Path(weights).absolute() if weights else None,
        )


class _Reader:
    """Typed access to the variables."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str, default: str) -> str:
        return self._env.get(_PREFIX + name, "").strip() or default

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        text = self.text(name, choices[0])
        if text not in choices:
            raise _refusal(name, text, f"one of {', '.join(choices)}")
        return text

    def flag(self, name: str) -> bool:
        return self.choice(name, ("0", "1")) == "1"

    def whole(self, name: str, default: int, least: int = 0) -> int:
        text = self.text(name, str(default))
        if not text.isdecimal() or int(text) < least:
            raise _refusal(name, text, f"a whole number of {least} or more")
        return int(text)

    def origins(self, name: str) -> tuple[str, ...]:
        origins = tuple(self.text(name, "").replace(",", " ").split())
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                wanted = "origins such as https://example.org, without a path, or to *"
                raise _refusal(name, origin, wanted)
        return origins

    def number(self, name: str, default: float, most: float) -> float:
        text = self.text(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not 0 < value <= most:
            raise _refusal(name, text, f"a number above 0 and at most {most:g}")
        return value


def _jobs(read: _Reader, env: Mapping[str, str], limits: Limits) -> JobSettings:
    state = Path(env.get("XDG_STATE_HOME") or Path(env.get("HOME", ""), ".local", "state"))
    running = read.whole("JOBS_MAX_RUNNING", max(limits.max_running // 2, 1), least=1)
    return JobSettings(
        folder=Path(read.text("JOBS_DIR", str(state / "retouch" / "jobs"))).absolute(),
        database=read.text("JOBS_DATABASE", ""),
        keep=3600 * read.number("JOBS_KEEP_HOURS", 24, most=8760),
        most_queued=read.whole("JOBS_MAX_QUEUED", 1000, least=1),
        most_bytes=int(read.number("JOBS_MAX_MB", 2048, most=2**24) * 2**20),
        most_edits=min(running, limits.capacity),
    )


def _limits(read: _Reader) -> Limits:
    defaults = dataclasses.asdict(Limits())
    try:
        return Limits(**{name: read.whole(name.upper(), value) for name, value in defaults.items()})
    except (
        InvalidRequest
    ) as exc:  # its message starts with the field, which the variable is named by
        name, _, rest = str(exc).partition(" ")
        raise ValueError(f"environment variable {_PREFIX}{name.upper()} {rest}") from exc


def _access(read: _Reader) -> Access:
    file = read.text("API_KEYS_FILE", "")
    # one after the other, where a file has lines
    keys = parse_keys(read.text("API_KEYS", "").replace(";", "\n"), f"{_PREFIX}API_KEYS")
    access = Access(
        keys=tuple(keys),
        file=Path(file).absolute() if file else None,
        rate=read.whole("RATE_PER_MINUTE", 0),
        concurrency=read.whole("CONCURRENCY", 0),
        origins=read.origins("CORS_ORIGINS"),
    )
    for name, bound in (("RATE_PER_MINUTE", access.rate), ("CONCURRENCY", access.concurrency)):
        if bound and access.open:
            raise _refusal(name, str(bound), f"0, or give {_PREFIX}API_KEYS: it bounds each key")
    return access


def _content_threshold(read: _Reader) -> float | None:
    threshold = read.number("CONTENT_THRESHOLD", _CONTENT_THRESHOLD, most=1)
    return threshold if read.flag("CONTENT_CHECK") else None


def _refusal(name: str, text: str, wanted: str) -> ValueError:
    return ValueError(f"environment variable {_PREFIX}{name} is {text!r}; set it to {wanted}")
