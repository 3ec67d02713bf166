"""What threads have together, such as memory, and take parts of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """So much of something. Whoever wants more than all of it has it alone."""

    def __init__(self, size: float) -> None:
        self._size, self._taken = size, 0.0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, amount: float) -> Iterator[None]:
        """Have a part inside the block, which begins when there is as much."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + amount <= self._size)
            self._taken += amount
        try:
            yield
        finally:
            with self._changed:
                self._taken -= amount
                self._changed.notify_all()
