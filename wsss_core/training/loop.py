"""The one training loop: every network of the project is trained by `fit`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn
from tqdm import tqdm

from wsss_core.models import model_file
from wsss_core.models.build import on_device
from wsss_core.runtime import interruption, ranks, shortage
from wsss_core.runtime.interruption import Interrupted
from wsss_core.training.history import LOWER, DivergedError, History, Step, Stretch
from wsss_core.training.pauses import Pauses


@dataclass(frozen=True)
class Terms:
    """Named scalars of one step.

    Attributes:
        losses: the loop minimises their sum.
        seen: recorded beside them: raw values, shares. They need no graph.
    """

    losses: Mapping[str, torch.Tensor]
    seen: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @classmethod
    def weighted(
        cls, raw: Mapping[str, torch.Tensor], weights: Mapping[str, float], seen: Mapping[str, torch.Tensor]
    ) -> Terms:
        """Raw terms times their weights, 1 where none is given; each raw value, `<name>_raw`, is seen beside them."""
        values = {f"{name}_raw": value.detach() for name, value in raw.items()}
        return cls({name: weights.get(name, 1.0) * value for name, value in raw.items()}, {**values, **seen})


logger = logging.getLogger(__name__)

Losses = Callable[[nn.Module, dict, float], Terms]
"""losses(model, batch, progress in [0, 1)) -> the terms of one step."""

Watch = Callable[[nn.Module, int], None]
"""after_step(model, steps done), after every step of this process."""

CHECKPOINT_SECONDS = 60.0
LARGEST = 1e18
"""The largest weight: above, float32 cannot hold its square."""
NUM_HISTORY_ROWS = 100


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
    after_step: Watch | None = None,
) -> History:
    """Minimise the sum of the losses for `steps` steps; go on from `checkpoint` where there is one.

    Args:
        model: trained in place, on the fabric's device.
        batches: batches(k) yields the dicts of tensors of steps k, k+1, ...; `batch["id"]` names the images.
        losses: see `Losses`.
        optimizer, scheduler: the scheduler advances once a step.
        checkpoint: a file written every minute; a run with the same one goes on as if never stopped.
        name: shown in the progress bar.
        after_step: see `Watch`; it gets the bare model and leaves it and torch's random state as they were.

    Of several processes, each has its part of every batch, and draws what its seed, the step and its place decide.

    Raises:
        DivergedError: a loss is NaN or infinite: names the step, the term and the images; or a weight is, at the end.
    """
    bare = model
    with shortage.eased_by(shortage.BACKBONE):  # where the weights alone do not fit
        model, optimizer = fabric.setup(on_device(bare, fabric.device), optimizer)
    run = _restore(checkpoint, model, optimizer, scheduler, fabric.device) if checkpoint.exists() else _Run()
    _require_one_start(run.step)
    model.train()
    seed = torch.initial_seed()
    began = time.monotonic() - run.history.seconds

    def save() -> None:
        run.stretch.read()
        run.history.seconds = time.monotonic() - began
        if fabric.global_rank == 0 and not _broken_weights(bare):  # of which the next step's loss tells
            _save(checkpoint, model, optimizer, scheduler, run, fabric.device)

    every, pauses = max(1, steps // NUM_HISTORY_ROWS), Pauses(CHECKPOINT_SECONDS)
    with (
        shortage.eased_by(shortage.PRECISION, shortage.ACCUMULATE, "batch", "augment.crop"),
        tqdm(total=steps, initial=run.step, desc=name, unit="step", disable=fabric.global_rank > 0) as bar,
        pauses.agreed(),
    ):
        try:
            for step, batch in zip(range(run.step, steps), batches(run.step), strict=False):
                with interruption.held_back():  # half a step is nothing to go on from
                    ranks.seed_step(seed, step)
                    rate = float(scheduler.get_last_lr()[0])
                    terms = _descend(model, _to_device(batch, fabric), losses, optimizer, run, fabric, steps=steps)
                    scheduler.step()
                    if (step + 1) % every == 0 or step + 1 == steps:
                        row = run.end_stretch(step=step + 1, lr=rate)
                        bar.set_postfix({term: f"{row[term]:.3f}" for term in terms.losses})
                    bar.update()
                    if after_step:
                        after_step(bare, step + 1)
                    run.step = step + 1
                    if pauses.due(run.step):
                        save()
                        pauses.wait()
        except Interrupted:
            with interruption.held_back():
                save()
            raise
    fabric.barrier()
    if broken := _broken_weights(bare):
        raise DivergedError(f"{len(broken)} weights, {broken[0]} first, are not finite or absurdly large; {LOWER}")
    run.history.seconds = time.monotonic() - began
    return run.history


@dataclass
class _Run:
    """How far a training has come.

    Attributes:
        step: steps done.
        history: of the stretches that are complete.
        stretch: the steps since.
    """

    step: int = 0
    history: History = field(default_factory=History)
    stretch: Stretch = field(default_factory=Stretch)

    def end_stretch(self, *, step: int, lr: float) -> dict[str, float]:
        """The new row of the history. Raises DivergedError as `Stretch.read`."""
        self.stretch.read()
        self.history.rows.append({"step": step, "lr": lr, **self.stretch.means()})
        self.stretch = Stretch()
        return self.history.rows[-1]


def _descend(model, batch: dict, losses: Losses, optimizer, run: _Run, fabric: Fabric, *, steps: int) -> Terms:
    """The next step of the optimiser; its terms, which the stretch holds too."""
    terms = losses(model, batch, run.step / steps)
    total = torch.stack([*terms.losses.values()]).sum()
    run.stretch.add(Step.of(run.step + 1, batch["id"], terms.losses, terms.seen, total))
    optimizer.zero_grad(set_to_none=True)
    fabric.backward(total)
    optimizer.step()
    return terms


def _require_one_start(step: int) -> None:
    """Raises RuntimeError if the processes of this training found different checkpoints: they would wait for ever."""
    found = ranks.joined([str(step)])
    if len(set(found)) > 1:
        raise RuntimeError(
            f"the processes of this training would go on from different steps ({', '.join(found)}); set"
            " WSSS_RESUME_DIR to a folder that all machines share, or delete it on each"
        )


def _to_device(batch: dict, fabric: Fabric) -> dict:
    return {key: fabric.to_device(value) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}


def _broken_weights(model: nn.Module) -> list[str]:
    """Names of parameters and of running statistics that are not finite, or whose size no training means: their
    squares would overflow."""
    weights = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return [name for name, values in weights.items() if not values.detach().float().abs().amax() < LARGEST]


def _save(path: Path, model, optimizer, scheduler, run: _Run, device: torch.device) -> None:
    state = {
        "step": run.step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "rows": run.history.rows,
        "seconds": run.history.seconds,
        "sums": dict(run.stretch.sums),
        "counts": dict(run.stretch.counts),
        "rng": torch.get_rng_state(),
        "gpu_rng": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }
    try:
        model_file.save_state(path, state)
    except OSError as error:
        logger.warning("no checkpoint at step %d (%s: %s)", run.step, path, error.strerror)


def _restore(path: Path, model, optimizer, scheduler, device: torch.device) -> _Run:
    run = _Run()
    try:
        state = model_file.load_state(path)
    except (model_file.DamagedError, OSError) as error:
        if shortage.of(error):
            raise  # or this training would lose what it has
        logger.warning("%s is damaged: this training starts anew", path)
        return run
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    run.step, run.history = state["step"], History(state["rows"], state["seconds"])
    run.stretch.sums.update(state["sums"])
    run.stretch.counts.update(state["counts"])
    torch.set_rng_state(state["rng"])
    if device.type == "cuda" and state["gpu_rng"] is not None:
        torch.cuda.set_rng_state(state["gpu_rng"], device)
    return run
