"""The one training loop: every network of the project is trained by `fit`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn
from tqdm import tqdm

from wsss_core import artifacts

Losses = Callable[[nn.Module, dict, float], Mapping[str, torch.Tensor]]
"""losses(model, batch, progress in [0, 1)) -> named scalars; the loop minimises their sum."""

CHECKPOINT_SECONDS = 60.0
NUM_HISTORY_ROWS = 100


class DivergedError(RuntimeError):
    """A loss term is no longer finite; the last good checkpoint is kept."""


@dataclass
class History:
    """Mean of each loss term over stretches of steps, as rows for a table."""

    rows: list[dict[str, float]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the rows as TSV, one column for each term: what `dvc plots` reads."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        lines = ["\t".join(names)]
        lines += ["\t".join(f"{row[name]:.6g}" if name in row else "" for name in names) for row in self.rows]
        artifacts.write_text(path, "\n".join(lines) + "\n")


def fit(
    model: nn.Module,
    batches: Callable[[int], Iterable[dict]],
    *,
    losses: Losses,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler,
    steps: int,
    fabric: Fabric,
    checkpoint: Path,
    name: str,
) -> History:
    """Minimise the sum of the losses for `steps` steps; go on from `checkpoint` where there is one.

    Args:
        model: trained in place, on the fabric's device.
        batches: batches(k) yields the dicts of tensors of steps k, k+1, ...; `batch["id"]` names the images.
        losses: see `Losses`.
        optimizer, scheduler: the scheduler advances once a step.
        checkpoint: a file written every minute; a run with the same one goes on as if never stopped.
        name: shown in the progress bar.

    Raises:
        DivergedError: a loss is NaN or infinite; names the step, the term and the images.
    """
    model, optimizer = fabric.setup(model, optimizer)
    history, start = History(), 0
    if checkpoint.exists():
        start = _restore(checkpoint, model, optimizer, scheduler, history)
    model.train()
    sums: dict[str, float] = defaultdict(float)
    counted, saved = 0, time.monotonic()
    every = max(1, steps // NUM_HISTORY_ROWS)
    with tqdm(total=steps, initial=start, desc=name, unit="step", disable=fabric.global_rank > 0) as bar:
        for step, batch in zip(range(start, steps), batches(start), strict=False):
            batch = _to_device(batch, fabric)
            terms = losses(model, batch, step / steps)
            total = torch.stack([*terms.values()]).sum()
            _check_finite(terms, total, step=step, batch=batch)
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(total)
            optimizer.step()
            scheduler.step()
            for term, value in terms.items():
                sums[term] += value.item()
            counted += 1
            if (step + 1) % every == 0 or step + 1 == steps:
                row = {term: value / counted for term, value in sums.items()}
                history.rows.append({"step": step + 1, "lr": float(scheduler.get_last_lr()[0]), **row})
                bar.set_postfix({term: f"{value:.3f}" for term, value in row.items()})
                sums, counted = defaultdict(float), 0
            bar.update()
            if time.monotonic() - saved > CHECKPOINT_SECONDS and fabric.global_rank == 0 and counted == 0:
                _save(checkpoint, model, optimizer, scheduler, history, step + 1)
                saved = time.monotonic()
    fabric.barrier()
    return history


def _to_device(batch: dict, fabric: Fabric) -> dict:
    return {key: fabric.to_device(value) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}


def _check_finite(terms: Mapping[str, torch.Tensor], total: torch.Tensor, *, step: int, batch: dict) -> None:
    if torch.isfinite(total):
        return
    broken = [name for name, value in terms.items() if not torch.isfinite(value)] or list(terms)
    raise DivergedError(
        f"loss {', '.join(broken)} is not finite at step {step}, images {', '.join(batch['id'])};"
        " lower optimizer.lr (a restart goes on from the last checkpoint if nothing is changed)"
    )


def _save(path: Path, model, optimizer, scheduler, history: History, step: int) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "rows": history.rows,
        "rng": torch.get_rng_state(),
        "gpu_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    with artifacts.atomic(path) as temporary:
        torch.save(state, temporary)


def _restore(path: Path, model, optimizer, scheduler, history: History) -> int:
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    history.rows.extend(state["rows"])
    torch.set_rng_state(state["rng"])
    if len(state["gpu_rng"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["gpu_rng"])
    return state["step"]
