"""Runs a stage as `python -m` does, but hampers the process at a certain rename, or slows down every one.

Each file and each folder that a stage finishes gets its name by a rename: these are the moments of a run.

    python hampered.py MOMENT DEED PAUSE STAGE [OPTIONS]

MOMENT: number of the rename before which it happens, from 0 on; -1 is never. DEED: `kill`, or `fill`: from then on no
file may grow beyond 4 kB, as on a full disk. PAUSE: seconds before every rename.
"""

import os
import resource
import runpy
import signal
import sys
import time

moment, deed, pause = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])


def hampered(rename):
    def call(*args, **kwargs):
        global moment
        if moment == 0 and deed == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if moment == 0 and deed == "fill":
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        moment -= 1
        time.sleep(pause)
        return rename(*args, **kwargs)

    return call


os.replace, os.rename = hampered(os.replace), hampered(os.rename)
sys.argv = sys.argv[4:]
if sys.argv[0].startswith("train"):
    from wsss_core.training import loop

    loop.CHECKPOINT_SECONDS = -1.0  # after every step, so that a training has moments too
runpy.run_module(f"stages.{sys.argv[0]}", run_name="__main__", alter_sys=True)
