"""Every error that a caller of the runtime can meet.

EditError
├── InvalidRequest          the request can never succeed as it is
│   └── UnsupportedImage    the bytes are no picture that can be read
├── Overloaded              the request can succeed later: `retry_after` says when
│   ├── OutOfMemory         ... when others have given memory back
│   ├── WeightsChanging     ... when the change of weights before it is done
│   └── ShuttingDown        ... at another instance: this one is stopping
├── Cancelled               the caller withdrew the request
├── BundleError             the bundle cannot be served
│   ├── BundleNotFound
│   ├── BundleCorrupt       a file is missing, altered or not what the manifest says
│   └── BundleIncompatible  intact, but made for another version or lacking what was asked for
└── BackendError            an inference library said no
    ├── BackendUnavailable  it is not installed or finds no device
    ├── BackendFailure      it failed while loading or running a graph
    └── NonFinite           it returned NaN or infinity
"""

from __future__ import annotations


class EditError(Exception):
    """Base of all errors raised by the runtime."""


class InvalidRequest(EditError):
    """A parameter is out of its bounds; the message names value, bound and remedy."""


class UnsupportedImage(InvalidRequest):
    """The input picture cannot be decoded."""


class Overloaded(EditError):
    """A bound of the engine is reached; try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutOfMemory(Overloaded):
    """The machine or its GPU has too little memory left to read or to edit a picture."""


class WeightsChanging(Overloaded):
    """Weights are replaced already, and one change is made at a time."""


class ShuttingDown(Overloaded):
    """The engine takes no new requests because it is stopping."""


class Cancelled(EditError):
    """The request was cancelled by its caller."""


class BundleError(EditError):
    """Base of what can be wrong with a bundle."""


class BundleNotFound(BundleError):
    """There is no bundle at the given path."""


class BundleCorrupt(BundleError):
    """The bundle does not hold what its manifest says."""


class BundleIncompatible(BundleError):
    """The bundle is intact but cannot be used here."""


class BackendError(EditError):
    """Base of what can go wrong in an inference library."""


class BackendUnavailable(BackendError):
    """The library or its device is missing: `why`, and `fix`, the command that helps."""

    def __init__(self, why: str, fix: str = "") -> None:
        super().__init__(f"{why}; {fix}" if fix else why)
        self.why, self.fix = why, fix


class BackendFailure(BackendError):
    """The library failed while loading or running a graph."""


class NonFinite(BackendError):
    """A graph returned NaN or infinity for this request."""
