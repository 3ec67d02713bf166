"""A backbone of another kind, as a test adds it: timm's vision transformers, tiny and at random."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import timm
import torch
from torch import nn

from wsss_core.models.backbones.protocol import Backbone

NUM_TAPS = 4
TINY = {"embed_dim": 24, "depth": 4, "num_heads": 3}


class VisionTransformer(Backbone):
    """Patches are cells; the tokens before them (class, registers) are left out of every map."""

    @classmethod
    def knows(cls, name: str) -> bool:
        return name.startswith("vit_") and timm.is_model(name)

    @classmethod
    def strides(cls, name: str) -> tuple[int, ...]:
        return (int(re.search(r"patch(\d+)", name)[1]),)

    @classmethod
    def make_net(cls, name: str, *, output_stride: int) -> nn.Module:
        return timm.create_model(name, num_classes=0, dynamic_img_size=True, **TINY)

    @classmethod
    def pretrained(cls, name: str) -> dict[str, torch.Tensor]:
        raise ValueError(f"{name} is tiny, and nobody has trained it; set backbone.weights to none")

    def no_weight_decay(self) -> set[str]:
        return {f"net.{name}" for name in self.net.no_weight_decay()}

    def _cells(self) -> tuple[float, int]:
        return (self.stride - 1) / 2, self.stride

    def _constants(self) -> tuple[Sequence[float], Sequence[float]]:
        return self.net.pretrained_cfg["mean"], self.net.pretrained_cfg["std"]

    def _features(self, images: torch.Tensor) -> torch.Tensor:
        (features,) = self.net.forward_intermediates(images, indices=[-1], norm=True, intermediates_only=True)
        return features

    def _taps(self, images: torch.Tensor, indices: list[int] | None) -> list[torch.Tensor]:
        depth = len(self.net.blocks)
        blocks = [(k + 1) * depth // NUM_TAPS - 1 for k in range(NUM_TAPS)]
        chosen = blocks if indices is None else [blocks[i] for i in indices]
        return self.net.forward_intermediates(images, indices=chosen, intermediates_only=True)

    def attention(self, images: torch.Tensor) -> torch.Tensor:
        """(B, L, n, n): of each block, the mean of its heads between the n cells, without the tokens before them."""
        first, images = self.net.num_prefix_tokens, self._prepared(images)
        with _seen(self.net.blocks) as seen:
            self.net.forward_features(images)
        return torch.stack([heads.mean(dim=1)[:, first:, first:] for heads in seen], dim=1)


@contextmanager
def _seen(blocks: Any) -> Iterator[list[torch.Tensor]]:
    """The attention of every block, (B, heads, tokens, tokens), of what runs inside."""
    seen: list[torch.Tensor] = []
    hooks = [block.attn.attn_drop.register_forward_hook(lambda *call: seen.append(call[-1])) for block in blocks]
    fused = [block.attn.fused_attn for block in blocks]
    for block in blocks:
        block.attn.fused_attn = False
    try:
        yield seen
    finally:
        for hook, block, was in zip(hooks, blocks, fused, strict=True):
            hook.remove()
            block.attn.fused_attn = was
