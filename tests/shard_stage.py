"""A stage of five images, of which an array of jobs can make shards: what it writes says its parameters.

    python shard_stage.py [ANYTHING]...
"""

import sys
from collections.abc import Callable
from pathlib import Path

from wsss_core import artifacts
from wsss_core.code_digest import Code
from wsss_core.frame.stage import telling_errors
from wsss_core.runtime import per_image

IDS = [f"image{number}" for number in range(5)]
INPUT, PARAMS, OUT = Path("input.txt"), Path("beta.txt"), Path("data/names")
SCRIPT = Path(__file__)


def write(image_id: str, folder: Path) -> None:
    artifacts.write_text(folder / f"{image_id}.txt", f"result of {image_id} with {PARAMS.read_text()}")


@telling_errors
def main(work: Callable[[str, Path], None] = write) -> None:
    per_image.run(
        IDS, per_image.each(work), stage="name", code=Code("wsss_core.voc"), out=OUT, suffix=".txt",
        params={"beta": PARAMS.read_text(), "sizes": (1, 2)}, inputs=[INPUT], sizes=lambda _: (2, 2),
    )  # fmt: skip


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        sys.exit(f"Error: {error}")
