"""Batched dual-guidance inference on exported bundles, without torch."""

from runtime.bundle import Bundle
from runtime.editor import Editor, EditResult, open_editor
from runtime.errors import (
    BackendError,
    BackendFailure,
    BackendUnavailable,
    BundleCorrupt,
    BundleError,
    BundleIncompatible,
    BundleNotFound,
    Cancelled,
    EditError,
    InvalidRequest,
    NonFinite,
    OutOfMemory,
    Overloaded,
    ShuttingDown,
    UnsupportedImage,
    WeightsChanging,
)
from runtime.image import read_image
from runtime.manifest import Manifest
from runtime.nvidia.options import GpuOptions
from runtime.params import EditParams, PlanName, SamplerName
from runtime.progress import Progress
from runtime.provenance import Provenance, read_provenance
from runtime.request import Timings
from runtime.scheduler import Limits
from runtime.stats import Stats
from runtime.weights.package import Package as WeightsPackage
from runtime.worker import EngineWorker, open_worker

__all__ = [
    "BackendError",
    "BackendFailure",
    "BackendUnavailable",
    "Bundle",
    "BundleCorrupt",
    "BundleError",
    "BundleIncompatible",
    "BundleNotFound",
    "Cancelled",
    "EditError",
    "EditParams",
    "EditResult",
    "Editor",
    "EngineWorker",
    "GpuOptions",
    "InvalidRequest",
    "Limits",
    "Manifest",
    "NonFinite",
    "OutOfMemory",
    "Overloaded",
    "PlanName",
    "Progress",
    "Provenance",
    "SamplerName",
    "ShuttingDown",
    "Stats",
    "Timings",
    "UnsupportedImage",
    "WeightsChanging",
    "WeightsPackage",
    "open_editor",
    "open_worker",
    "read_image",
    "read_provenance",
]
