"""Which operators of what runs would have a GPU's host wait: seen on a CPU, where nobody waits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

WAITS = {
    "_local_scalar_dense",  # item(), int(), `if tensor`
    "nonzero", "masked_select", "_unique2", "unique_consecutive",
    "lift_fresh",  # torch.tensor(...): what is made of Python's numbers is copied
}  # fmt: skip
BY_MASKS = {"index", "index_put", "index_put_"}
TO_THE_HOST = {"tolist", "cpu"}


class HostWaits(TorchFunctionMode):
    """Counts them by name while it is entered.

    A tensor's size that its content decides is such a wait, and so is a value that Python reads, or sends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self._operators = _Operators(self)

    def __enter__(self) -> HostWaits:
        self._operators.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._operators.__exit__(*error)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in TO_THE_HOST:
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))


class _Operators(TorchDispatchMode):
    def __init__(self, waits: HostWaits) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.partition(".")[0]
        by_mask = name in BY_MASKS and any(t is not None and t.dtype in (torch.bool, torch.uint8) for t in args[1])
        lengths = name == "repeat_interleave" and (kwargs or {}).get("output_size") is None and len(args) == 1
        if name in WAITS or by_mask or lengths:
            self.waits.counts[name] += 1
        return func(*args, **(kwargs or {}))
