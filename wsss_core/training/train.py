"""From a description of a network and a stream of samples to `model.pt` and its history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import nn

from wsss_core import artifacts
from wsss_core.data.training_set import TrainingSet, batches
from wsss_core.training import checkpoint, distribution, environment
from wsss_core.training.checkpoint import Description
from wsss_core.training.journal import Journal, content_digest
from wsss_core.training.loop import Losses, fit
from wsss_core.training.optim import build_optimizer, poly_schedule


def train(
    description: Description,
    samples: TrainingSet,
    losses: Losses,
    *,
    batch: int,
    epochs: float,
    optimizer: dict,
    seed: int,
    inputs: list[Path],
    out: Path,
    history: Path,
    initialise: Callable[[nn.Module], None] = lambda model: None,
) -> None:
    """Train a network and write `out`/model.pt and the history TSV; a killed run goes on where it was.

    Args:
        description: what to build; stored beside the weights.
        samples: the training stream.
        losses: what to minimise.
        batch: images a step, over all devices.
        epochs: passes over the samples; the schedule ends with them.
        optimizer: keyword arguments of `build_optimizer`, with `poly_power` and `warmup` of the schedule.
        seed: of initial weights, dropout and order.
        inputs: files and folders that the samples come from; a change of theirs starts anew.
        out, history: where the results go.
        initialise: fills the fresh network with other weights, for example a trained backbone.
    """
    fabric = distribution.launch(seed=seed)
    steps = max(1, round(epochs * len(samples) / batch))
    model = checkpoint.build(description)
    initialise(model)
    options = dict(optimizer)
    schedule = {"power": options.pop("poly_power"), "warmup": options.pop("warmup")}
    descent = build_optimizer(model, **options)
    recipe = {"params": description.params, "backbone": description.backbone, "seed": seed}
    journal = Journal.open(out, key={**recipe, "inputs": content_digest(*inputs), "steps": steps})
    checkpoint_file = journal.folder / "checkpoint.pt"
    rows = fit(
        model,
        batches(samples, batch=batch, steps=steps, workers=environment.workers(),
                rank=fabric.global_rank, world=fabric.world_size),
        losses=losses,
        optimizer=descent,
        scheduler=poly_schedule(descent, steps=steps, **schedule),
        steps=steps,
        fabric=fabric,
        checkpoint=checkpoint_file,
        name=f"train {description.method}",
    )
    if fabric.global_rank == 0:
        checkpoint_file.unlink(missing_ok=True)
        checkpoint.save(journal.folder, model.cpu(), description)
        artifacts.write_manifest(journal.folder, stage=f"train {description.method}", params=recipe,
                                 paths=[journal.folder / checkpoint.FILE])
        journal.publish()
        rows.write(history)


@dataclass(frozen=True)
class Start:
    """Where a fresh network's weights come from: what fills them in, and the files that this reads."""

    initialise: Callable[[nn.Module], None] = lambda model: None
    inputs: tuple[Path, ...] = ()


def start_of(init: str, cam_network: Path) -> Start:
    """`backbone`: as built, from the weights that its section names; `cam`: from the trained CAM network's backbone."""
    if init == "backbone":
        return Start()
    return Start(partial(_copy_backbone, cam_network), (cam_network / checkpoint.FILE,))


def _copy_backbone(path: Path, model: nn.Module) -> None:
    trained, description = checkpoint.load(path)
    try:
        model.get_submodule("backbone").load_state_dict(trained.get_submodule("backbone").state_dict())
    except RuntimeError as error:
        raise ValueError(
            f"the backbone of {path} ({description.backbone['name']}) is not this stage's; use the same"
            " backbone name or init: backbone"
        ) from error
