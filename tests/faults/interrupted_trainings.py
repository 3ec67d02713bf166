"""Endless little trainings with loader processes, each of which gets a signal at another moment.

    python interrupted_trainings.py FOLDER SIGNAL...

Prints a line for each signal: its name, the exit code, how many processes the training left, the steps in its
checkpoint. All are forked off this process, so that torch is imported once.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import click
import torch
from lightning_fabric import Fabric
from torch import nn
from tqdm import tqdm

from wsss_core.data.training_set import Shuffled, batches
from wsss_core.frame.stage import telling_errors
from wsss_core.training.loop import Terms, fit
from wsss_core.training.optim import build_optimizer, poly_schedule

ENDLESS = 20_000


class Noise(Shuffled):
    def sample(self, image_id: str) -> dict:
        time.sleep(0.005)  # leaves the cores to others
        return {"id": image_id, "image": torch.randn(4)}


def squares(model: nn.Module, batch: dict, progress: float) -> Terms:
    return Terms({"fit": (model(batch["image"]) - 1).square().mean()})


def train(checkpoint: Path, tell: int, *, steps: int = ENDLESS, workers: int = 2) -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = build_optimizer(
        model, name="sgd", momentum=0.9, lr=1e-3, weight_decay=0, new_lr_factor=1, bias_lr_factor=1
    )

    def after_step(model: nn.Module, steps: int) -> None:
        if steps == 3:
            os.write(tell, b"3")

    os.write(tell, b"0")
    fit(
        model, batches(Noise(["a", "b", "c"], seed=0), batch=2, steps=steps, workers=workers), losses=squares,
        optimizer=optimizer, scheduler=poly_schedule(optimizer, steps=steps, power=1, warmup=0), steps=steps,
        fabric=Fabric(accelerator="cpu", devices=1), checkpoint=checkpoint, name="noise", after_step=after_step,
    )  # fmt: skip


def start(checkpoint: Path) -> tuple[int, int]:
    """The process of a training that has begun, and a file that holds a byte when its third step is done."""
    receiving, tell = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        try:
            click.command("train")(telling_errors(lambda: train(checkpoint, tell)))(args=[])
        except SystemExit as ending:
            os._exit(ending.code)
        finally:
            os._exit(99)
    os.read(receiving, 1)
    return child, receiving


def num_left(group: int) -> int:
    """Processes of a group that are still there after a while."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        alive = [path for path in Path("/proc").glob("[0-9]*/stat") if _group_of(path) == group]
        if not alive:
            return 0
        time.sleep(0.05)
    return len(alive)


def _group_of(path: Path) -> int | None:
    try:
        state, _, group = path.read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return None
    return int(group) if state not in "ZX" else None


def main(folder: Path, *names: str) -> None:
    tqdm.monitor_interval = 0  # its thread would not survive a fork
    train(folder / "none.pt", os.open(os.devnull, os.O_WRONLY), steps=1, workers=0)  # imports all that it needs
    began = time.monotonic()
    child, receiving = start(folder / "first.pt")
    os.read(receiving, 1)
    usual = time.monotonic() - began
    os.kill(child, signal.SIGKILL)
    print("\nSIGKILL", -signal.SIGKILL, num_left(child), 0, flush=True)
    os.waitpid(child, 0)
    moments = random.Random(0)
    for number, name in enumerate(names):
        checkpoint = folder / f"{number}.pt"
        child, _ = start(checkpoint)
        time.sleep(moments.uniform(0, 1.2 * usual))
        os.kill(child, getattr(signal, name))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        steps = torch.load(checkpoint, weights_only=True)["step"] if checkpoint.exists() else 0
        print(f"\n{name}", code, num_left(child), steps, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to it
    main(Path(sys.argv[1]), *sys.argv[2:])
