"""What a machine has run out of, told from the many errors that say so, and what eases it."""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wsss_core.runtime import environment

WORKERS, PRECISION, BACKBONE = "WSSS_WORKERS", "WSSS_PRECISION", "backbone.name"
ACCUMULATE = "optimizer.accumulate"
NETWORK = ("batch", "augment.crop", "scales", "max_pixels")
"""Keys of a stage's section that say how much a network is given at once."""


@dataclass(frozen=True)
class Shortage:
    """Something that a machine has run out of.

    Attributes:
        what: a clause that says so.
        levers: what can ease it, where the stage has it: environment variables, the backbone, keys of its section.
        otherwise: what can be done beside, or instead.
    """

    what: str
    levers: tuple[str, ...]
    otherwise: str


MEMORY = Shortage("this machine's memory is full", (WORKERS, ACCUMULATE, *NETWORK), "end what else uses memory")
KILLED = Shortage(
    "the system killed a worker process, most likely because memory is full", MEMORY.levers, MEMORY.otherwise
)
GPU_MEMORY = Shortage(
    "the GPU's memory is full", (PRECISION, BACKBONE, ACCUMULATE, *NETWORK),
    "end what else uses the GPU (nvidia-smi lists it), or set WSSS_DEVICES=cpu",
)  # fmt: skip
SHARED_MEMORY = Shortage("shared memory (/dev/shm) is full", (WORKERS,), "enlarge it (in Docker: --shm-size=8g)")
FILES = Shortage("too many files are open", (WORKERS,), "raise the limit (`ulimit -n 4096`)")
PROCESSES = Shortage(
    "the system starts no further process or thread", (WORKERS,), "raise the limit (`ulimit -u`, or the container's)"
)
CRASHED = Shortage("a worker process crashed", (), "set WSSS_WORKERS=0, which works in one process, to see where")

_BY_NUMBER = {errno.ENOMEM: MEMORY, errno.EMFILE: FILES, errno.ENFILE: FILES}
_BY_NUMBER_OF_A_START = {errno.EAGAIN: PROCESSES, errno.ENOSPC: SHARED_MEMORY}
"""These mean something else where no process is being started."""

_BY_TEXT = {
    r"(CUDA|HIP|MPS|XPU)\b.{0,80}\bout of memory|CU[A-Z]+_STATUS_ALLOC_FAILED": GPU_MEMORY,
    r"Too many open files|received \d+ items of ancdata": FILES,
    r"can't start new thread": PROCESSES,
    r"MemoryError|bad_?alloc|([Cc]annot|[Cc]an't|ailed to) allocate memory|not enough memory": MEMORY,
    r"killed by signal: Bus error|/torch_\w+>.{0,80}No space left|allocate shared memory": SHARED_MEMORY,
    r"worker \(pid.{0,40}killed by signal: Killed": KILLED,
    r"worker \(pid.{0,40}(killed by signal|exited unexpectedly)": CRASHED,
}
"""What torch, and the loader processes whose errors it passes on as text, were seen to say; the first that fits."""


@contextmanager
def eased_by(*levers: str) -> Iterator[None]:
    """What runs in the block takes less when these are lower: an error that leaves it tells so."""
    try:
        yield
    except Exception as error:
        error.levers = (*getattr(error, "levers", ()), *levers)  # type: ignore[attr-defined]
        raise


def raised_in(error: BaseException) -> str:
    """The module that raised the error, in this process or in one of a pool."""
    if hasattr(error, "raised_in"):
        return error.raised_in
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[-1].f_globals.get("__name__", "") if frames else ""


def of(error: BaseException) -> Shortage | None:
    """What ran out, if the error or one that led to it says so: the first of them says it most precisely."""
    return next((found for link in reversed([*_chain(error)]) if (found := _said_by(link))), None)


def sentence(error: BaseException) -> str | None:
    """What ran out and what eases it in the stage that it ran out in; None for an error of another kind."""
    found = of(error)
    if found is None:
        return None
    eased = {lever for link in _chain(error) for lever in getattr(link, "levers", ())}
    usable = [lever for lever in found.levers if lever in eased]
    own = {WORKERS: f"lower {WORKERS} (now {environment.workers()})", BACKBONE: f"name a smaller {BACKBONE}"}
    own[ACCUMULATE] = f"raise {ACCUMULATE}"
    if not (environment.precision() or "").startswith(("bf16", "16", "transformer-engine")):  # half the bits already
        own[PRECISION] = f"set {PRECISION}=bf16-mixed"
    remedies = [own[lever] for lever in usable if lever in own]
    if keys := [lever for lever in usable if lever in NETWORK]:
        remedies.append(f"lower {' or '.join(keys)} in this stage's section of params.yaml")
    return f"{found.what}; {', or '.join([*remedies, found.otherwise])}; WSSS_DEBUG=1 shows where"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        yield link
        seen.add(id(link))
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _said_by(error: BaseException) -> Shortage | None:
    """The shortage that this error alone tells of. One of another process brings what it said there as `shortage`."""
    if isinstance(known := getattr(error, "shortage", None), Shortage):
        return known
    if isinstance(error, MemoryError):
        return MEMORY
    if any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):  # torch's, which is not imported here
        return GPU_MEMORY
    if isinstance(error, OSError) and error.errno is not None:
        starts = raised_in(error).startswith(("multiprocessing", "subprocess"))
        return _BY_NUMBER.get(error.errno) or (_BY_NUMBER_OF_A_START.get(error.errno) if starts else None)
    text = str(error)
    return next((found for pattern, found in _BY_TEXT.items() if re.search(pattern, text)), None)
