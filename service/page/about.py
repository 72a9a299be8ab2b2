"""What a client has to know of the server before its first edit."""

from __future__ import annotations

import dataclasses
from typing import Final

from runtime.version import VERSION
from runtime.worker import EngineWorker
from service.openapi.schemas import Json, edit_fields
from service.settings import Settings

_NO_DEFAULT: Final = ("instruction", "seed")


def about(worker: EngineWorker, settings: Settings) -> Json:
    """The model, its languages, and each field's JSON schema with the default that holds here."""
    manifest = worker.manifest
    fields = edit_fields(manifest, settings.max_variations)
    for name, value in dataclasses.asdict(worker.params("-")).items():
        if name not in _NO_DEFAULT:
            fields[name]["default"] = value
    return {
        "name": manifest.name,
        "bundle": worker.digest,
        "weights": worker.weights and worker.weights.path.name,
        "version": VERSION,
        "licence": manifest.licence,
        "languages": list(manifest.model.languages),
        "fields": fields,
        "previews": worker.previews,
        "max_upload_bytes": settings.max_upload,
    }
