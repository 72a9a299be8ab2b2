from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from train.cases import Case
from train.clip import (
    ClipLoss,
    build_clip,
    contrastive_loss,
    image_features,
    text_encoder_of,
    text_features,
)
from train.judge import judge
from train.loop import Progress
from train.picture import Picture
from train.recipe import ClipRecipe, TextRecipe
from train.text import build_text_encoder, build_tokenizer, token_ids

TEXT = TextRecipe(width=32, layers=1, heads=2, length=16, merges=3000)
RECIPE = ClipRecipe(size=32, patch=16, width=32, layers=1, heads=2, batch=8)
CAPTIONS = (
    *("a cat", "a red car", "an apple", "a boat at night"),
    *("一只狗", "一辆蓝色汽车", "一条鱼", "下雪"),
)


def picture(number: int, size: int = 32) -> Picture:
    """A corner of the colour cube: eight of them."""
    colour = np.array([number & 1, number >> 1 & 1, number >> 2 & 1], np.float32)
    return np.broadcast_to(colour, (size, size, 3)).copy()


def pair(index: int) -> tuple[Picture, str]:
    return picture(index % 8), CAPTIONS[index % 8]


@dataclass(frozen=True)
class Trained:
    model: CLIPModel
    tokenizer: CLIPTokenizer
    losses: list[float]


def fresh() -> tuple[CLIPModel, CLIPTokenizer]:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(TEXT)
    return build_clip(RECIPE, TEXT, tokenizer), tokenizer


@pytest.fixture(scope="module")
def trained() -> Trained:
    model, tokenizer = fresh()
    loss = ClipLoss(model, tokenizer, pair, RECIPE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for step in range(60):
        optimizer.zero_grad()
        value = loss(Progress(step=step))
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return Trained(model.eval(), tokenizer, losses)


def test_eight_pairs_are_learned_by_heart(trained: Trained) -> None:
    images = image_features(trained.model, [picture(i) for i in range(8)])
    texts = text_features(trained.model, trained.tokenizer, CAPTIONS)
    assert trained.losses[0] > 1.5
    assert trained.losses[-1] < 0.1
    right = torch.arange(8)
    assert torch.equal((images @ texts.T).argmax(dim=1), right)
    assert torch.equal((images @ texts.T).argmax(dim=0), right)


def test_features_are_unit_vectors_of_any_picture_size(trained: Trained) -> None:
    small, large = (image_features(trained.model, [picture(5, size)]) for size in (32, 80))
    torch.testing.assert_close(small, large, atol=1e-4, rtol=0)
    texts = text_features(trained.model, trained.tokenizer, ["", "猫" * 99])
    for features in (small, texts):
        torch.testing.assert_close(features.norm(dim=1), torch.ones(len(features)))


def test_a_text_has_the_same_features_in_any_company(trained: Trained) -> None:
    alone = text_features(trained.model, trained.tokenizer, ["a cat"])
    beside = text_features(trained.model, trained.tokenizer, ["cat " * 50, "a cat", ""])
    torch.testing.assert_close(alone[0], beside[1], atol=1e-5, rtol=0)
    ids = token_ids(trained.tokenizer, ["a cat"])
    whole = trained.model.get_text_features(ids).pooler_output[0]
    torch.testing.assert_close(alone[0], whole / whole.norm(), atol=1e-5, rtol=0)


def test_direction_is_right_wrong_or_none(trained: Trained, every: list[Case]) -> None:
    def score(before: int, after: int, said_before: int, said_after: int) -> float:
        captions = (CAPTIONS[said_before], CAPTIONS[said_after])
        case = replace(every[0], before=picture(before), captions=captions)
        verdict = judge(trained.model, trained.tokenizer)([case])
        return verdict([picture(after)])[0]["direction"]

    assert score(0, 6, 0, 6) > 0.5
    assert score(0, 6, 6, 0) < -0.5
    assert score(0, 6, 0, 6) == pytest.approx(-score(6, 0, 0, 6), abs=1e-4)
    assert score(0, 0, 0, 6) == pytest.approx(0, abs=1e-2)
    assert np.isnan(score(0, 6, 0, 0))


def test_loss_is_that_of_transformers_where_all_captions_differ() -> None:
    model, tokenizer = fresh()
    ours = ClipLoss(model, tokenizer, pair, RECIPE)(Progress())
    pixels = torch.from_numpy(np.stack([picture(i) for i in range(8)])).permute(0, 3, 1, 2) * 2 - 1
    ids = token_ids(tokenizer, list(CAPTIONS))
    theirs = model(input_ids=ids, pixel_values=pixels, return_loss=True).loss
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_pictures_of_the_same_caption_do_not_push_each_other_away() -> None:
    texts = ["a cat", "a cat", "a dog"]
    blocks = 50 * torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert contrastive_loss(blocks, texts) < contrastive_loss(50 * torch.eye(3), texts)
    assert contrastive_loss(50 * torch.eye(3), ["a cat", "a dog", "a car"]) < 1e-6


def test_each_process_makes_its_own_share_of_a_step() -> None:
    made: list[int] = []

    def make(index: int) -> tuple[Picture, str]:
        made.append(index)
        return pair(index)

    model, tokenizer = fresh()
    loss = ClipLoss(model, tokenizer, make, RECIPE)
    for rank in range(2):
        assert loss(Progress(step=3, rank=rank, world=2)).isfinite()
    assert made == list(range(24, 32))


def test_the_temperature_stays_within_its_bound() -> None:
    model, tokenizer = fresh()
    loss = ClipLoss(model, tokenizer, pair, RECIPE)
    values = []
    for scale in (4.6052, 9.0):
        with torch.no_grad():
            model.logit_scale.fill_(scale)
        values.append(loss(Progress()).item())
    assert values[0] == values[1]


def test_text_weights_are_those_of_the_checkpoints_encoder(
    trained: Trained, tmp_path: Path
) -> None:
    encoder = build_text_encoder(TEXT, trained.tokenizer)
    encoder.load_state_dict(trained.model.text_model.state_dict())
    text_encoder_of(trained.model).save_pretrained(tmp_path)
    ids = token_ids(trained.tokenizer, list(CAPTIONS))
    with torch.no_grad():
        expected = trained.model.text_model(ids).last_hidden_state
        for loaded in (encoder.eval(), CLIPTextModel.from_pretrained(tmp_path).eval()):
            assert torch.equal(loaded(ids).last_hidden_state, expected)
    same = ("vocab_size", "hidden_size", "max_position_embeddings", "eos_token_id", "hidden_act")
    for name in same:
        stored = CLIPTextModel.from_pretrained(tmp_path).config
        assert getattr(stored, name) == getattr(encoder.config, name)


def test_training_the_copy_leaves_clip_as_it_was(trained: Trained) -> None:
    before = trained.model.text_model.embeddings.token_embedding.weight.clone()
    with torch.no_grad():
        text_encoder_of(trained.model).embeddings.token_embedding.weight.zero_()
    assert torch.equal(trained.model.text_model.embeddings.token_embedding.weight, before)
