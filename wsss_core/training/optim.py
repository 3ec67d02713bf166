"""Parameter groups, optimisers and the polynomial schedule of the DeepLab family."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def parameter_groups(model: nn.Module, *, lr: float, weight_decay: float, new_lr_factor: float,
                     bias_lr_factor: float) -> list[dict]:
    """Trainable parameters in four groups: pretrained or new, weights or biases.

    What lies under the attribute `backbone` is pretrained and trains at `lr`; the rest starts from scratch and
    trains at `lr * new_lr_factor`. Biases and norms train `bias_lr_factor` times as fast, without decay (the
    Caffe convention of DeepLab, kept by PSA: 1x, 2x, 10x, 20x), and so does what a backbone excepts from decay.
    """
    groups: list[dict] = []
    excepted = {f"backbone.{name}" for name in getattr(getattr(model, "backbone", None), "no_weight_decay", set)()}
    for is_new in (False, True):
        for is_bias in (False, True):
            chosen = [
                p for name, p in model.named_parameters()
                if p.requires_grad and (not name.startswith("backbone.")) == is_new
                and (p.ndim <= 1 or name in excepted) == is_bias
            ]
            if chosen:
                factor = (new_lr_factor if is_new else 1.0) * (bias_lr_factor if is_bias else 1.0)
                groups.append({"params": chosen, "lr": lr * factor, "weight_decay": 0.0 if is_bias else weight_decay})
    if not groups:
        raise ValueError("the model has no trainable parameter; unfreeze its backbone or its batch norm")
    return groups


def build_optimizer(model: nn.Module, *, name: str, lr: float, momentum: float, weight_decay: float,
                    new_lr_factor: float, bias_lr_factor: float, fused: bool = False) -> torch.optim.Optimizer:
    """SGD or AdamW over `parameter_groups`; `fused` updates all weights by one operator, which rounds otherwise.

    The reference code passes weight decay where SGD expects momentum, so published numbers were trained with
    momentum 5e-4. DEVIATION: we name both; params.yaml keeps their values.
    """
    groups = parameter_groups(model, lr=lr, weight_decay=weight_decay, new_lr_factor=new_lr_factor,
                              bias_lr_factor=bias_lr_factor)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, fused=fused or None)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=lr, fused=fused or None)
    raise ValueError(f"optimizer is sgd or adamw, not {name!r}")


def poly_schedule(optimizer: torch.optim.Optimizer, *, steps: int, power: float,
                  warmup: float) -> torch.optim.lr_scheduler.LambdaLR:
    """lr_k = lr_0 (1 - k/K)^power, k from 0, applied before the update; linear from 0 over `warmup` K steps."""
    rising = round(warmup * steps)

    def factor(k: int) -> float:
        return min(1.0, (k + 1) / (rising + 1)) * max(0.0, 1 - k / steps) ** power

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def two_phase_schedule(optimizer: torch.optim.Optimizer, *, steps: int, share: float, first_lr: float, lr: float,
                       power: float) -> torch.optim.lr_scheduler.LambdaLR:
    """Two polynomial decays: the first from `first_lr` times each group's factor, the second from `lr` for all alike.

    Args:
        optimizer: its groups start at `lr` times their factors.
        steps: K, of both phases.
        share: of the steps that belong to the first.

    Zhang et al., AAAI 2020, released code, for a start from ImageNet: after the classification phase no layer trains
    faster than another.
    """
    turn = next(k for k in range(steps + 1) if k / steps >= share)  # as the losses see it, to the last bit

    def of_group(group: dict) -> Callable[[int], float]:
        def factor(k: int) -> float:
            if k < turn:
                return first_lr / lr * (1 - k / turn) ** power
            return lr / group["initial_lr"] * max(0.0, 1 - (k - turn) / max(1, steps - turn)) ** power

        return factor

    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    return torch.optim.lr_scheduler.LambdaLR(optimizer, [of_group(group) for group in optimizer.param_groups])
