from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

import pytest
import torch
from diffusers import AutoencoderTiny
from torch import Tensor
from transformers import CLIPTokenizer

from tests.train.test_training import TINY
from train import autoencoder
from train.autoencoder import encode
from train.pool import CHUNK, WORDINGS, Chunks, Drawn, Pool, Store
from train.staging import Studio
from train.text import build_tokenizer, token_ids

RECIPE = replace(TINY.unet, batch=32)


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return build_tokenizer(TINY.text)


@pytest.fixture(scope="module")
def chunks(studio: Studio, tokenizer: CLIPTokenizer) -> Chunks:
    return Chunks(studio, tokenizer, RECIPE)


@pytest.fixture(scope="module")
def drawn(chunks: Chunks) -> list[Drawn]:
    """One small and one large chunk."""
    return [chunks[0], chunks[1]]


@pytest.fixture(scope="module")
def vae() -> AutoencoderTiny:
    torch.manual_seed(0)
    return autoencoder.build(TINY.autoencoder).eval().requires_grad_(False)


def pool_of(vae: AutoencoderTiny, tokenizer: CLIPTokenizer, chunks: Iterator[Drawn]) -> Pool:
    return Pool(vae, RECIPE, token_ids(tokenizer, [""])[0], chunks, (CHUNK, CHUNK // 4))


def latents(vae: AutoencoderTiny, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        return encode(vae, pictures.permute(0, 3, 1, 2) / 127.5 - 1)


def nearest(row: Tensor, rows: Tensor) -> int:
    return int((rows - row).flatten(1).square().sum(dim=1).argmin())


def test_a_chunk_follows_from_its_number_alone(chunks: Chunks, drawn: list[Drawn]) -> None:
    again = chunks[0]
    assert all(
        torch.equal(getattr(drawn[0], item.name), getattr(again, item.name))
        for item in fields(Drawn)
    )
    assert not torch.equal(chunks[2].before, again.before)


def test_sizes_of_chunks_alternate_as_those_of_steps(drawn: list[Drawn]) -> None:
    small, large = drawn
    assert small.before.shape == (CHUNK, 32, 32, 3)
    assert large.before.shape == (CHUNK // 4, 64, 64, 3)
    assert small.region.shape == small.nouns.shape == (CHUNK, 4, 4)
    assert small.ids.shape == (CHUNK, WORDINGS, TINY.text.length)


@pytest.mark.parametrize("step", [0, 1])
def test_a_batch_is_made_of_pairs_that_were_drawn(
    vae: AutoencoderTiny, tokenizer: CLIPTokenizer, drawn: list[Drawn], step: int
) -> None:
    batch = next(pool_of(vae, tokenizer, iter(drawn)).batches(step))
    origin = drawn[step]
    before, after = latents(vae, origin.before), latents(vae, origin.after)
    empty = token_ids(tokenizer, [""])[0]
    assert len(batch.after) == RECIPE.batch // (4 if step else 1)
    for row in range(len(batch.after)):
        pair = nearest(batch.after[row], after)
        assert torch.allclose(batch.after[row], after[pair], atol=2e-2)
        asked = origin.ids[pair].long()
        words = batch.ids[row] == (asked if batch.text[row] else empty)
        assert bool(words.all(dim=-1).any())
        shown = before[pair] * batch.image[row]
        assert torch.allclose(batch.before[row], shown, atol=2e-2)
        assert torch.equal(batch.nouns[row], origin.nouns[pair].long())


def test_what_drawing_raises_reaches_the_trainer(
    vae: AutoencoderTiny, tokenizer: CLIPTokenizer
) -> None:
    def broken() -> Iterator[Drawn]:
        raise OSError("no cut-outs")
        yield

    with pytest.raises(OSError, match="no cut-outs"):
        next(pool_of(vae, tokenizer, broken()).batches(0))


def test_a_full_store_gives_up_the_oldest() -> None:
    store = Store(10)
    for first in (0, 6, 12):
        store.add([torch.arange(first, first + 6), torch.arange(first, first + 6) * 2])
    assert len(store) == 10
    numbers, doubles = store.draw(2000)
    assert set(numbers.tolist()) == set(range(8, 18))
    assert torch.equal(doubles, 2 * numbers)


def test_newer_rows_are_likelier_in_proportion_to_rank() -> None:
    store = Store(100)
    store.add([torch.arange(100)])
    drawn = store.draw(100_000)[0]
    shares = torch.bincount(drawn // 25, minlength=4) / len(drawn)
    assert torch.allclose(shares, torch.tensor([1.0, 3.0, 5.0, 7.0]) / 16, atol=0.01)
