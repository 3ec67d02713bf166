"""Runs a stage as `python -m` does, but hampers the process at a certain rename.

Each file and each folder that a stage finishes gets its name by a rename: these are the moments of a run.

    python hampered.py DEED MOMENT STAGE [OPTIONS]

DEED: `kill` the process; `fill` the disk: from then on no file may grow beyond 4 kB; `wait` until there is a file `go`
in the working folder; `run` as ever. MOMENT: number of the rename before which it happens, from 0 on. Of several
processes of one command, HAMPERED_RANK in the environment is the number of the one to which it happens.
"""

import os
import resource
import runpy
import signal
import sys
import time
from pathlib import Path

deed, moment = sys.argv[1], int(sys.argv[2])
if os.environ.get("HAMPERED_RANK", os.environ.get("RANK")) != os.environ.get("RANK"):
    deed = "run"


def hampered(rename):
    def call(*args, **kwargs):
        global moment
        if moment == 0:
            hamper()
        moment -= 1
        return rename(*args, **kwargs)

    return call


def hamper() -> None:
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "fill":
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    while deed == "wait" and not Path("go").exists():
        time.sleep(0.05)


os.replace, os.rename = hampered(os.replace), hampered(os.rename)
sys.argv = sys.argv[3:]
if sys.argv[0].startswith("train"):
    from wsss_core.training import loop, pauses

    loop.CHECKPOINT_SECONDS = -1.0  # after every step, so that a training has moments too
    pauses.AGREED_STEPS = 1
runpy.run_module(f"stages.{sys.argv[0]}", run_name="__main__", alter_sys=True)
