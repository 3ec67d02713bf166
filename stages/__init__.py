"""The pipeline's stages: one command a file, run as `python -m stages.<name>`."""

import os

# Loader processes share the cores with the network's threads. Threads that spin while they wait starve them: a CAM
# pass beside one busy process took 1.6 s on two cores, 0.4 s with sleeping threads. Read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
