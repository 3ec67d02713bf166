"""From a description of a network and a stream of samples to `model.pt` and its history."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from lightning_fabric import Fabric
from torch import nn, optim

from wsss_core import artifacts, layout, manifests, supervision
from wsss_core.code_digest import Code
from wsss_core.data.training_set import Samples, batches
from wsss_core.models import model_file
from wsss_core.models.model_file import Description
from wsss_core.models.pretrained import weights_files
from wsss_core.runtime import devices, environment
from wsss_core.runtime.journal import Journal, content_digest
from wsss_core.runtime.memory import keep_freed_memory
from wsss_core.runtime.provenance import Provenance
from wsss_core.training.history import History
from wsss_core.training.loop import Losses, fit
from wsss_core.training.optim import build_optimizer, poly_schedule
from wsss_core.training.recomputing import spare_memory
from wsss_core.training.snapshots import Snapshots
from wsss_core.training.start import build

logger = logging.getLogger(__name__)

COMPILER = "inductor"
"""Of torch.compile; needs a C++ compiler, and Triton on a GPU."""

Schedule = Callable[..., optim.lr_scheduler.LRScheduler]
"""schedule(optimizer, steps=K)"""


def train(
    description: Description,
    network: type[nn.Module],
    samples: Samples,
    losses: Losses,
    *,
    batch: int,
    epochs: float,
    optimizer: dict,
    seed: int,
    inputs: list[Path],
    code: Code,
    out: Path,
    history: Path,
    initialise: Callable[[nn.Module], None] = lambda model: None,
    schedule: Schedule | None = None,
    snapshots: Snapshots | None = None,
    supervised_by: str = supervision.TAGS,
) -> None:
    """Train a network and write `out`/model.pt and the history TSV; a killed run goes on where it was.

    Args:
        description: what to build; stored beside the weights.
        network: the class of what is built.
        samples: the training stream.
        losses: what to minimise.
        batch: images a step, over all devices.
        epochs: passes over the samples; the schedule ends with them.
        optimizer: keyword arguments of `build_optimizer` and of `spare_memory`, with `poly_power` and `warmup` of the
            usual schedule.
        seed: of initial weights, dropout and order.
        inputs: files and folders that the samples come from; a change of theirs starts anew.
        code: of the stage.
        out, history: where the results go.
        initialise: fills the fresh network with other weights, for example a trained backbone.
        schedule: makes another learning-rate schedule than the usual polynomial one.
        snapshots: labels to make and keep on the way.
        supervised_by: what the samples are supervised by beside what `inputs` are; a kind of `supervision`.
    """
    environment.require_no_shard()
    fabric = devices.launch(seed=seed)
    if fabric.device.type == "cpu":
        keep_freed_memory()
    steps = max(1, round(epochs * len(samples) / batch))
    model = build(description, network)
    initialise(model)
    ways = {"fused": fabric.device.type == "cuda", "compiled": environment.compiles()}
    built, usual = _optimizer(model, **optimizer, **ways)
    made, recipe = Provenance.of(code, fabric), {**asdict(description), "seed": seed}
    read = content_digest(*inputs, *weights_files(description.backbone["weights"]))
    key = {**recipe, "steps": steps, "made": made.key, "inputs": read, **ways}
    with Journal.open(out, key=key, processes=fabric) as journal:
        writer = snapshots.open(journal, steps=steps, device=fabric.device) if snapshots else None
        rows = fit(
            model,
            batches(samples, batch=batch, steps=steps, workers=environment.workers(),
                    rank=fabric.global_rank, world=fabric.world_size, pinned=fabric.device.type == "cuda"),
            losses=losses,
            optimizer=built,
            scheduler=(schedule or usual)(built, steps=steps),
            steps=steps,
            fabric=fabric,
            checkpoint=journal.beside / "checkpoint.pt",
            name=f"train {description.method}",
            after_step=writer.after_step if writer and fabric.global_rank == 0 else None,
        )
        if fabric.global_rank == 0:
            _warn_of_idle_terms(rows)
            total = supervision.strongest(supervised_by, manifests.supervision_of(*inputs))
            model_file.save(journal.folder, model.cpu(), description)
            manifests.write(journal.folder, stage=f"train {description.method}", params=recipe,
                            names=[model_file.FILE], supervised_by=total)
            figures = _write_figures(history, rows, steps=steps, fabric=fabric, ways=ways)
            made.write(out, processes=fabric, files=figures)
            journal.publish()
            if writer:
                writer.publish(params=recipe, supervised_by=total)
            journal.discard()  # with the checkpoint, from which a run that failed above goes on


def _optimizer(
    model: nn.Module, *, poly_power: float, warmup: float, accumulate: int, activation_checkpointing: bool,
    compiled: bool, **options
) -> tuple[optim.Optimizer, Schedule]:  # fmt: skip
    """The optimiser of a section, and the schedule that its keys describe; the model then computes as they say.

    Raises ValueError for a model that is to be compiled and to compute parts again.
    """
    spare_memory(model, accumulate=accumulate, activation_checkpointing=activation_checkpointing)
    if compiled and (accumulate > 1 or activation_checkpointing):
        raise ValueError(
            "WSSS_COMPILE=1 does not go with optimizer.accumulate or optimizer.activation_checkpointing: what is"
            " compiled is not computed again; leave it out, or set them to 1 and false"
        )
    if compiled:
        model.compile(backend=COMPILER)
    return build_optimizer(model, **options), partial(poly_schedule, power=poly_power, warmup=warmup)


def _warn_of_idle_terms(history: History) -> None:
    """Say which losses were 0 from the first step to the last: nothing was learnt from them."""
    terms = {name.removesuffix("_raw") for row in history.rows for name in row if name.endswith("_raw")}
    for name in sorted(terms):
        if not any(row.get(f"{name}_raw") for row in history.rows):
            logger.warning("loss %s was 0 at every step: nothing was labelled for it; check the method's section", name)


def _write_figures(
    history: Path, rows: History, *, steps: int, fabric: Fabric, ways: dict[str, bool]
) -> list[Path]:
    """Write the history and how long the training took, which the same run does not repeat; returns both files.

    `ways`: how it computed, which the machine decides.
    """
    time = layout.TIMES / f"{history.stem}.json"
    rows.write(history)
    artifacts.write_json(time, {
        "seconds": round(rows.seconds, 1), "steps": steps, "device": fabric.device.type, "devices": fabric.world_size,
        **ways,
    })  # fmt: skip
    return [history, time]
