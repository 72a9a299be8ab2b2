from __future__ import annotations

import torch

from train import autoencoder, preview
from train.recipe import AutoencoderRecipe, Recipe, TextRecipe, UNetRecipe
from train.samples import ODDS
from train.stages import build_model
from train.staging import Studio

TINY = Recipe(
    autoencoder=AutoencoderRecipe(width=8, encoder_blocks=(0, 1, 1), decoder_blocks=(1, 1, 1)),
    text=TextRecipe(width=16, layers=1, heads=2, length=32, merges=100),
    unet=UNetRecipe(size=32, widths=(32, 32), attention=(False, True), heads=2, groups=8),
)


def test_the_sheet_shows_every_kind_as_the_model_is_now(studio: Studio) -> None:
    vae = autoencoder.build(TINY.autoencoder).eval()
    model, tokenizer = build_model(TINY, vae)
    pairs = preview.fixed_pairs(studio, 32)
    assert [pair.kind for pair in pairs] == list(ODDS)
    paint = preview.sheet_of(model.eval(), vae, tokenizer, pairs)
    first = paint()
    rows = -(-len(pairs) // 4)
    assert first.shape == (3, rows * 32, 4 * 3 * 32)
    assert first.min() >= 0
    assert first.max() <= 1
    shown = torch.from_numpy(pairs[0].before).permute(2, 0, 1)
    assert torch.allclose(first[:, :32, :32], shown, atol=1e-6)
    assert torch.equal(first, paint())
    with torch.no_grad():
        model.unet.conv_out.weight.mul_(0.5)
    assert not torch.equal(first, paint())
