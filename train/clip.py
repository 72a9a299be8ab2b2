"""A small CLIP: pictures of scenes and their captions in one space (Radford et al. 2021).

It has two uses. Its text tower is where the checkpoint's text encoder starts from, and it judges
edits: whether a picture shows something, and whether it changed the way its caption did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPTextModel, CLIPTokenizer, CLIPVisionConfig

from train.autoencoder import to_tensor
from train.loop import Progress
from train.picture import Picture
from train.recipe import ClipRecipe, TextRecipe
from train.text import text_config, token_ids

# Sample number to a picture [S, S, 3] in 0..1 and its caption: a pure function.
MakePair = Callable[[int], tuple[Picture, str]]

# exp of it is the inverse temperature. CLIP's own bounds: it starts at 1/0.07 and ends at 100.
_HIGHEST_LOGIT_SCALE = 4.6052


def build_clip(recipe: ClipRecipe, text: TextRecipe, tokenizer: CLIPTokenizer) -> CLIPModel:
    """A fresh model: a vision transformer beside the text encoder that ``text`` describes."""
    vision = CLIPVisionConfig(
        hidden_size=recipe.width,
        intermediate_size=4 * recipe.width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        image_size=recipe.size,
        patch_size=recipe.patch,
        projection_dim=text.width,
    )
    config = CLIPConfig(
        text_config=text_config(text, tokenizer).to_dict(),
        vision_config=vision.to_dict(),
        projection_dim=text.width,
    )
    return CLIPModel(config)


def text_encoder_of(model: CLIPModel) -> CLIPTextModel:
    """A copy of the text tower, as the checkpoint's text encoder."""
    encoder = CLIPTextModel(model.config.text_config)
    encoder.load_state_dict(model.text_model.state_dict())
    return encoder


class ClipLoss:
    """Symmetric InfoNCE with a learned temperature. A picture's captions are all those of the
    batch that say the same, word for word. Other pictures are those of the same process."""

    def __init__(
        self, model: CLIPModel, tokenizer: CLIPTokenizer, make: MakePair, recipe: ClipRecipe
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.make = make
        self.recipe = recipe

    def __call__(self, progress: Progress) -> Tensor:
        pairs = [self.make(index) for index in progress.share(self.recipe.batch)]
        pictures, texts = zip(*pairs, strict=True)
        images = _image_features(self.model, pictures)
        captions = _text_features(self.model, self.tokenizer, texts)
        scale = self.model.logit_scale.clamp(max=_HIGHEST_LOGIT_SCALE).exp()
        # In bfloat16 a logit near 100 would be off by up to 0.25.
        with torch.autocast(images.device.type, enabled=False):
            return contrastive_loss(scale * images @ captions.T, texts)


def contrastive_loss(logits: Tensor, texts: Sequence[str]) -> Tensor:
    """Cross-entropy both ways of ``logits`` [B, B], pictures by ``texts``; equal texts share the
    target."""
    same = torch.tensor([[one == other for other in texts] for one in texts])
    targets = (same / same.sum(dim=1, keepdim=True)).to(logits.device)
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def _image_features(model: CLIPModel, pictures: Sequence[Picture]) -> Tensor:
    pixels = to_tensor(pictures).to(model.device)
    side = model.config.vision_config.image_size
    small = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
    features = model.get_image_features(small).pooler_output
    return F.normalize(features.float(), dim=1)


def _text_features(model: CLIPModel, tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    ids = token_ids(tokenizer, list(texts))
    # A text's features are those of its end, and no token sees what follows it.
    longest = 1 + int((ids != tokenizer.eos_token_id).sum(dim=1).max())
    features = model.get_text_features(ids[:, :longest].to(model.device)).pooler_output
    return F.normalize(features.float(), dim=1)


@torch.no_grad()
def image_features(model: CLIPModel, pictures: Sequence[Picture]) -> Tensor:
    """Unit vectors ``[B, width]`` of pictures ``[S, S, 3]`` in 0..1, all of one size, any."""
    return _image_features(model, pictures)


@torch.no_grad()
def text_features(model: CLIPModel, tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """Unit vectors ``[B, width]``."""
    return _text_features(model, tokenizer, texts)
