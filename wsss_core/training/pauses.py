"""When a training saves its state, and when it ends because a signal asks for it: all its processes at one step."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext

from wsss_core.runtime import interruption, ranks
from wsss_core.runtime.interruption import Interrupted

AGREED_STEPS = 10
"""Of several processes, each asks the others so often. One that saved or ended by itself would leave the others waiting
for it for ever; one that asked at every step would keep a GPU waiting."""


class Pauses:
    """Says after each step whether to save, which is due so many seconds after the last time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.wait()

    def wait(self) -> None:
        """Begin to count the seconds."""
        self.last = time.monotonic()

    def agreed(self) -> AbstractContextManager[None]:
        """Steps inside are interrupted where all processes are; a single one is interrupted between any two."""
        return interruption.held_back() if ranks.count() > 1 else nullcontext()

    def due(self, steps: int) -> bool:
        """Whether to save after so many steps.

        Raises:
            Interrupted: a signal has reached one of several processes.
        """
        due = time.monotonic() - self.last > self.seconds
        if ranks.count() == 1:
            return due
        if steps % AGREED_STEPS:
            return False
        if ranks.anywhere(interruption.arrived() is not None):
            raise Interrupted
        return ranks.anywhere(due)
