"""A part of the GPU's check whose end a test chooses; `benchmarks.gpu` runs it in a process of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path


def run(setting, record) -> None:
    """Pass, fail or hang with a child of its own, as the variable HOW asks for."""
    record.line("began", rehearsal=setting.rehearse)
    if os.environ["HOW"] == "fail":
        raise RuntimeError("this part fails")
    if os.environ["HOW"] == "hang":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        Path(os.environ["CHILD"]).write_text(str(child.pid))
        time.sleep(60)
    record.line("ended", number=0.25)
