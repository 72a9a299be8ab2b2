"""The graph modules, run as torch code, do what diffusers' pipeline does around its components."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.image_processor import VaeImageProcessor
from torch import Tensor

from export.checkpoint import open_checkpoint
from export.facts import model_facts
from export.graphs import build_graph
from export.precision import Float32Island, reduce_timestep, to_half
from export.reference import Probe
from runtime.manifest import GraphName
from tests.tiny import MAX_LENGTH, write_tiny_checkpoint


@pytest.fixture(scope="module")
def tiny_vae_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "taesd", vae="tiny")


def load(checkpoint: Path, name: GraphName) -> Any:
    return build_graph(name, open_checkpoint(checkpoint))


def inputs(checkpoint: Path, name: GraphName, requests: int = 2) -> dict[str, Tensor]:
    model = model_facts(open_checkpoint(checkpoint))
    return Probe(model, requests, 6, 8, MAX_LENGTH, 500, 5.0).inputs(name)


def test_image_encoder_is_the_unscaled_posterior_mode(tiny_checkpoint: Path) -> None:
    graph = load(tiny_checkpoint, "image_encoder")
    image = inputs(tiny_checkpoint, "image_encoder")["image"]
    pixels = VaeImageProcessor(vae_scale_factor=2).preprocess(image.numpy() / 255.0)
    with torch.no_grad():
        expected = graph.vae.encode(pixels.float()).latent_dist.mode()
        assert torch.allclose(graph(image), expected, atol=1e-4)


def test_image_encoder_of_autoencoder_tiny(tiny_vae_checkpoint: Path) -> None:
    graph = load(tiny_vae_checkpoint, "image_encoder")
    image = inputs(tiny_vae_checkpoint, "image_encoder")["image"]
    pixels = VaeImageProcessor(vae_scale_factor=2).preprocess(image.numpy() / 255.0)
    with torch.no_grad():
        expected = graph.vae.encode(pixels.float()).latents
        assert torch.allclose(graph(image), expected, atol=1e-4)


@pytest.mark.parametrize("vae", ["kl", "tiny"])
def test_image_decoder_gives_the_pipeline_s_pixels(
    vae: str, tiny_checkpoint: Path, tiny_vae_checkpoint: Path
) -> None:
    checkpoint = tiny_checkpoint if vae == "kl" else tiny_vae_checkpoint
    graph = load(checkpoint, "image_decoder")
    latent = inputs(checkpoint, "image_decoder")["latent"]
    with torch.no_grad():
        image, mean = graph(latent)
        decoded = graph.vae.decode(latent / graph.vae.config.scaling_factor).sample
    expected = VaeImageProcessor().postprocess(decoded, output_type="np")
    levels = torch.from_numpy((expected * 255).round()).to(torch.uint8)
    assert image.shape == (2, 12, 16, 3)
    assert (image.int() - levels.int()).abs().max() <= 1
    assert torch.allclose(mean, decoded.mean(dim=(1, 2, 3)))


def test_decoder_s_mean_shows_what_uint8_hides(tiny_checkpoint: Path) -> None:
    graph = load(tiny_checkpoint, "image_decoder")
    latent = inputs(tiny_checkpoint, "image_decoder")["latent"]
    latent[1, 0, 0, 0] = float("nan")
    with torch.no_grad():
        mean = graph(latent)[1]
    assert mean.isfinite().tolist() == [True, False]


def test_tick_is_guidance_and_a_linear_update(tiny_checkpoint: Path) -> None:
    graph = load(tiny_checkpoint, "tick")
    given = inputs(tiny_checkpoint, "tick")
    with torch.no_grad():
        following, denoised, rows = graph(**given)
        for slot in range(2):
            c_in, p, q, a, b, c, d = given["coef"][slot]
            image, x = given["image"][slot : slot + 1], given["x"][slot : slot + 1]
            texts = given["text"][[slot + 1, 0, 0]]
            shown = torch.cat([image, image, torch.zeros_like(image)])
            sample = torch.cat([(x * c_in).repeat(3, 1, 1, 1), shown], dim=1)
            timestep = given["timestep"][3 * slot]
            full, only, null = graph.unet(sample, timestep, texts).sample
            out = null + 1.5 * (only - null) + 7.5 * (full - only) + given["stale"][slot]
            expected = p * x[0] + q * out
            update = a * x[0] + b * expected + c * given["history"][slot]
            assert torch.allclose(denoised[slot], expected, atol=1e-3)
            assert torch.allclose(following[slot], update + d * given["noise"][slot], atol=1e-3)
            assert torch.allclose(rows[3 * slot], full, atol=1e-4)


def test_a_broken_request_does_not_reach_its_neighbour(tiny_checkpoint: Path) -> None:
    graph = load(tiny_checkpoint, "tick")
    given = inputs(tiny_checkpoint, "tick")
    with torch.no_grad():
        alone = graph(**given)[0]
        given["x"][0] = float("nan")
        beside = graph(**given)[0]
    assert beside[0].isnan().all()
    assert torch.equal(beside[1], alone[1])


def test_reduced_timesteps_are_the_same_sinusoids(tiny_checkpoint: Path) -> None:
    unet: Any = open_checkpoint(tiny_checkpoint).load("unet")
    sample = torch.zeros(1)
    timestep = torch.cat([torch.arange(0.0, 1000.0, 0.37), torch.tensor([999.0])])
    stock = unet.time_proj(timestep)
    reduce_timestep(unet)
    assert torch.allclose(unet.get_time_embed(sample, timestep), stock, atol=1e-4)


def test_attention_scores_beyond_float16_when_the_checkpoint_says_so(
    tiny_checkpoint: Path,
) -> None:
    """As in Stable Diffusion 2.1, whose config sets `upcast_attention`."""
    graph = load(tiny_checkpoint, "tick")
    attention = graph.unet.mid_block.attentions[0].transformer_blocks[0].attn1
    attention.upcast_attention = True
    for layer in (attention.to_q, attention.to_k):
        layer.weight.mul_(500)
    given = inputs(tiny_checkpoint, "tick")
    to_half(graph)
    with torch.no_grad():
        assert graph(**given)[0].isfinite().all()
        attention.upcast_attention = False
        assert not graph(**given)[0].isfinite().all()  # so the scores do overflow


def test_half_precision_keeps_norms_and_time_embedding_in_float32(tiny_checkpoint: Path) -> None:
    graph = load(tiny_checkpoint, "tick")
    to_half(graph)
    norms = [m for m in graph.modules() if isinstance(m, torch.nn.GroupNorm | torch.nn.LayerNorm)]
    assert norms
    assert {p.dtype for norm in norms for p in norm.parameters()} == {torch.float32}
    assert isinstance(graph.unet.time_embedding, Float32Island)
    convolutions = [m for m in graph.modules() if isinstance(m, torch.nn.Conv2d)]
    assert {p.dtype for m in convolutions for p in m.parameters()} == {torch.float16}
