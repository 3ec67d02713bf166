"""What a training's steps found: read from the device some steps at once, summed, kept as a table."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from wsss_core import artifacts
from wsss_core.runtime import ranks

LOWER = "lower optimizer.lr"
STEPS_AHEAD = 50
"""Steps that a GPU may be ahead of the check that their losses are finite."""


class DivergedError(RuntimeError):
    """A loss term or a weight is no longer finite; a checkpoint of finite weights is kept."""


@dataclass
class History:
    """Mean of each scalar over the steps of a stretch that have it, as rows for a table, and the time they took.

    Attributes:
        rows: one for each stretch.
        seconds: of wall clock, over all restarts, snapshots included.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0

    def write(self, path: Path) -> None:
        """Write the rows as TSV, one column for each term: what `dvc plots` reads."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        lines = ["\t".join(names)]
        lines += ["\t".join(f"{row[name]:.6g}" if name in row else "" for name in names) for row in self.rows]
        artifacts.write_text(path, "\n".join(lines) + "\n")


@dataclass(frozen=True)
class Step:
    """What a step computed, where it computed it.

    Attributes:
        number: from 1 on.
        ids: its images.
        losses, seen: its terms, without their graphs.
        total: the sum of the losses.
    """

    number: int
    ids: Sequence[str]
    losses: Mapping[str, torch.Tensor]
    seen: Mapping[str, torch.Tensor]
    total: torch.Tensor

    @classmethod
    def of(
        cls, number: int, ids: Sequence[str], losses: Mapping[str, torch.Tensor], seen: Mapping[str, torch.Tensor],
        total: torch.Tensor,
    ) -> Step:
        """Of what the step computed, graphs and all."""
        losses, seen = ({name: value.detach() for name, value in some.items()} for some in (losses, seen))
        return cls(number, ids, losses, seen, total.detach())

    def scalars(self) -> list[torch.Tensor]:
        return [self.total, *self.losses.values(), *self.seen.values()]


class Stretch:
    """Sums of the scalars of some steps. A term may be absent from some of them: phases begin and end.

    Of several processes, each has the terms of its own images. Their mean is that of the whole batch
    (`losses.whole_batch`), and what is read: all processes read the same steps at once.

    A GPU computes ahead of this process. What its steps found stays there until it is read, some steps at once, so
    that none of them waits.
    """

    def __init__(self) -> None:
        self.sums: dict[str, float] = defaultdict(float)
        self.counts: Counter[str] = Counter()
        self._unread: list[Step] = []

    def add(self, step: Step) -> None:
        """Keep what it found; read it, where too much is unread. Raises DivergedError as `read`."""
        self._unread.append(step)
        if len(self._unread) > _steps_ahead(step.total.device):
            self.read()

    def read(self) -> None:
        """Add what is unread to the sums.

        Raises:
            DivergedError: the losses of a step are not finite: names the first such step, the term and the images.
        """
        steps, self._unread = self._unread, []
        values = iter(_values([scalar for step in steps for scalar in step.scalars()]))
        for step in steps:
            total, losses = next(values), dict(zip(step.losses, values, strict=False))
            if not math.isfinite(total):
                raise _diverged(step, losses)
            for name, value in {**losses, **dict(zip(step.seen, values, strict=False))}.items():
                self.sums[name] += value
                self.counts[name] += 1

    def means(self) -> dict[str, float]:
        return {name: value / self.counts[name] for name, value in self.sums.items()}


def _steps_ahead(device: torch.device) -> int:
    """How many steps may be unread. A CPU has computed a step when its work is given out: nothing is gained there."""
    return 0 if device.type == "cpu" else STEPS_AHEAD


def _values(scalars: Sequence[torch.Tensor]) -> list[float]:
    """Of tensors that hold one each, those of a GPU in one transfer; the means over the processes."""
    device = next((scalar.device for scalar in scalars if scalar.device.type != "cpu"), None)
    if not scalars or (device is None and ranks.count() == 1):
        return [scalar.item() for scalar in scalars]
    values = torch.stack([scalar.to(device or "cpu", torch.float32) for scalar in scalars])
    return (ranks.summed(values) / ranks.count()).tolist()


def _diverged(step: Step, losses: Mapping[str, float]) -> DivergedError:
    broken = [name for name, value in losses.items() if not math.isfinite(value)] or list(losses)
    return DivergedError(
        f"loss {', '.join(broken)} is not finite at step {step.number}, images {', '.join(ranks.joined(step.ids))}; "
        + (LOWER if step.number > 1
           else "at the first step: check the weights it starts from and the parameters of this loss")
    )  # fmt: skip
