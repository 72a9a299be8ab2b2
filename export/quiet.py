"""Silence for foreign code, so that the terminal shows progress and the parity report only."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

_LIBRARIES: Final[tuple[Any, ...]] = (diffusers_logging, transformers_logging)


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the warnings, log lines and progress bars of torch, diffusers and transformers.

    Loading and tracing real models makes them print hundreds of lines about deprecations and
    fallbacks inside their own code. None of it is for the user: what matters here is raised, or
    shows in the parity report.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    for library in _LIBRARIES:
        library.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        for library in _LIBRARIES:
            library.enable_progress_bar()
