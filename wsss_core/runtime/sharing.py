"""Several processes that share work on arrays, which computes without torch and does not depend on who shares it.

So no result depends on this module and on what it imports (`_SAYS` in `code_digest`).
"""

from __future__ import annotations

from wsss_core.runtime import cluster
from wsss_core.runtime.worker import ALONE, Processes


def cpu_processes() -> Processes:
    """Those of a launcher, or those that the environment asks for on CPUs; else this one alone."""
    if not cluster.shares_cpu():
        return ALONE
    from wsss_core.runtime import devices

    return devices.launch(cpu=True)
