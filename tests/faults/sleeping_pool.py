"""A command whose pool works for a minute. Its semaphores bear its process id, to be told from others'.

    python sleeping_pool.py
"""

import multiprocessing
import os
import time

import click

from wsss_core.frame.stage import telling_errors
from wsss_core.runtime.pool import map_in_order


@click.command()
@telling_errors
def main() -> None:
    multiprocessing.current_process()._config["semprefix"] = f"/wsss-{os.getpid()}"
    for _ in map_in_order(time.sleep, [60.0] * 6, workers=3):
        pass


if __name__ == "__main__":
    main()
