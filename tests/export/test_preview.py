"""The projection that export fits is close to what the autoencoder decodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from export.checkpoint import Checkpoint, open_checkpoint
from export.graphs import ImageEncoder, build_graph
from export.preview import PreviewFit, denoised, fit, sample_pictures
from runtime import Bundle
from runtime.image import read_image
from service.settings import EMBEDDED

EXAMPLES = sorted((EMBEDDED.parent / "examples").glob("*.jpg"))


def test_a_linear_decoder_is_found() -> None:
    """Up to the rounding of its pictures, and of the numbers."""
    rng = np.random.default_rng(1)
    matrix = rng.normal(0, 0.1, (5, 3))
    bias = np.array([0.4, 0.5, 0.6])
    latents = rng.normal(0, 0.8, (3, 5, 4, 6))
    small = np.einsum("bchw,cr->bhwr", latents, matrix) + bias
    pictures = np.rint(small.clip(0, 1) * 255).repeat(2, axis=1).repeat(2, axis=2)
    found = fit(latents, pictures.astype(np.uint8))
    assert found is not None
    np.testing.assert_allclose(found.matrix, matrix, atol=0.002)
    np.testing.assert_allclose(found.bias, bias, atol=0.002)


def test_detail_below_a_latent_pixel_is_averaged() -> None:
    latents = np.zeros((1, 2, 4, 4))
    checkered = np.indices((8, 8)).sum(axis=0) % 2 * 255
    found = fit(latents, checkered[None, ..., None].repeat(3, axis=3).astype(np.uint8))
    assert found is not None
    assert found.bias == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_latents_that_are_not_finite_have_no_projection(value: float) -> None:
    latents = np.zeros((1, 4, 2, 2))
    latents[0, 0, 0, 0] = value
    assert fit(latents, np.zeros((1, 4, 4, 3), np.uint8)) is None


def test_the_pictures_are_the_same_every_time_and_many_kinds() -> None:
    pictures = sample_pictures(32)
    assert pictures.dtype == torch.uint8
    assert torch.equal(pictures, sample_pictures(32))
    spread = pictures.float().std(dim=(1, 2)).mean(dim=1)
    assert spread.min() == 0  # flat colours
    assert spread.max() > 30


@pytest.mark.parametrize("name", ["tiny_checkpoint", "cosxl_checkpoint", "xl_checkpoint"])
def test_latents_are_those_that_the_decoder_takes(
    name: str, request: pytest.FixtureRequest
) -> None:
    """Whether the encoder scales them or not: the autoencoder, asked directly, decodes the same."""
    checkpoint: Checkpoint = open_checkpoint(request.getfixturevalue(name))
    encoder = build_graph("image_encoder", checkpoint)
    assert isinstance(encoder, ImageEncoder)
    vae = encoder.vae
    pixels = sample_pictures(64)[:1]
    with torch.no_grad():
        got = build_graph("image_decoder", checkpoint)(denoised(encoder, pixels))[0]
        encoded = vae.encode(pixels.permute(0, 3, 1, 2) / 127.5 - 1)
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        wanted = (vae.decode(latents).sample / 2 + 0.5).clamp(0, 1) * 255
    assert (got.permute(0, 3, 1, 2).float() - wanted).abs().max() < 1


@pytest.mark.parametrize("name", ["tiny_bundle", "xl_bundle", "cosxl_bundle"])
def test_every_bundle_is_written_with_one(name: str, request: pytest.FixtureRequest) -> None:
    manifest = Bundle.open(request.getfixturevalue(name)).manifest
    assert manifest.preview is not None
    assert len(manifest.preview.matrix) == manifest.model.latent_channels


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_previews_of_the_published_model_resemble_its_pictures(path: Path) -> None:
    """On photographs, of which export has none. 21 dB: an error of 23 levels of 255."""
    checkpoint = open_checkpoint(EMBEDDED.parent / "mini-checkpoint")
    preview = Bundle.open(EMBEDDED).manifest.preview
    assert preview is not None
    photo = read_image(path.read_bytes()).resize((128, 128))
    encoder = build_graph("image_encoder", checkpoint)
    assert isinstance(encoder, ImageEncoder)
    with torch.no_grad():
        latents = denoised(encoder, torch.from_numpy(np.array(photo))[None])
        decoded = build_graph("image_decoder", checkpoint)(latents)[0].numpy()
    small = decoded[0].reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    error = ((preview.picture(latents[0].numpy()) - small) ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 21


def test_the_published_projection_is_the_one_that_export_fits() -> None:
    checkpoint = open_checkpoint(EMBEDDED.parent / "mini-checkpoint")
    manifest = Bundle.open(EMBEDDED).manifest
    found = PreviewFit(manifest.model.downscale)
    for name in ("image_encoder", "image_decoder"):
        found.advance(build_graph(name, checkpoint))
    assert found.projection is not None
    assert manifest.preview is not None
    np.testing.assert_allclose(found.projection.matrix, manifest.preview.matrix, atol=1e-3)
    np.testing.assert_allclose(found.projection.bias, manifest.preview.bias, atol=1e-3)
