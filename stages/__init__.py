"""The pipeline's stages: one command a file, run as `python -m stages.<name>`."""

import multiprocessing
import os
import signal
import sys

from wsss_core.runtime import worker

# Loader processes share the cores with the network's threads. Threads that spin while they wait starve them: a CAM
# pass beside one busy process took 1.6 s on two cores, 0.4 s with sleeping threads. Read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# This package is imported before its stage, which takes seconds. Meanwhile a process of a pool already ends with its
# parent, and Ctrl-C ends a command on the spot: an import that it interrupts may drop the exception, and go on.
if multiprocessing.parent_process() is not None:
    worker.begin()
elif sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
