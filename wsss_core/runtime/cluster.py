"""The processes that one command runs as, on one machine or several: who starts them, and which of them this is.

Three launchers are understood. `torchrun` and this project's own (`supervisor`) tell each process its place in the same
variables of the environment; `srun` has its own.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass

from wsss_core.runtime import environment

SUPERVISOR = "_WSSS_SUPERVISOR"
"""Holds the process id of the supervisor that started this process."""
AWAITED_SECONDS = 20.0
"""For the supervisor to end a process that hears of another one's end first."""


@dataclass(frozen=True)
class Started:
    """A process that a launcher started.

    Attributes:
        launcher: torchrun | srun | supervisor.
        rank, world: its number among all processes, and how many these are.
        local_world: processes on this machine.
    """

    launcher: str
    rank: int
    world: int
    local_world: int

    @property
    def nodes(self) -> int:
        """Machines, each with as many processes."""
        return self.world // self.local_world


def started() -> Started | None:
    """This process among several that a launcher started; None where it was started by itself."""
    own = os.environ.get
    if {"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"} <= os.environ.keys():
        launcher = "supervisor" if SUPERVISOR in os.environ else "torchrun"
        place = Started(launcher, int(own("RANK", 0)), int(own("WORLD_SIZE", 1)), int(own("LOCAL_WORLD_SIZE", 1)))
    elif "SLURM_STEP_ID" in os.environ:  # which a script that sbatch runs has not: there, nobody started several
        world, nodes = int(own("SLURM_NTASKS", 1)), int(own("SLURM_STEP_NUM_NODES", own("SLURM_NNODES", 1)))
        place = Started("srun", int(own("SLURM_PROCID", 0)), world, world // nodes)
    else:
        return None
    return place if place.world > 1 else None


def is_first() -> bool:
    """Whether this process is the first of those that a launcher started, or there are no others."""
    place = started()
    return place is None or place.rank == 0


def shares_cpu() -> bool:
    """Whether work for CPUs is shared: by what a launcher started, on several machines, or because it is asked for."""
    asked = environment.accelerator() == "cpu" and environment.num_devices() > 1
    return started() is not None or environment.nodes() > 1 or asked


def await_supervisor() -> None:
    """Give the supervisor, where there is one, the time to end this process: another one is the cause, and told it."""
    if SUPERVISOR in os.environ:
        time.sleep(AWAITED_SECONDS)


def lost_sentence(error: BaseException) -> str | None:
    """What to tell of an error that says that another process is gone; None for any other error.

    It is an effect. The cause is told by the process that ended, or by who started it.
    """
    place = started()
    if place is None or not _says_lost(error):
        return None
    return (
        f"another of the {place.world} processes of this run ended, and says why unless it was killed; run the same"
        " command again, and it goes on where it was"
    )


def _says_lost(error: BaseException) -> bool:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"DistBackendError", "DistNetworkError", "DistStoreError"}:
        return True
    return isinstance(error, RuntimeError) and bool(re.search(r"\bgloo\b|(closed|reset) by peer", str(error)))
