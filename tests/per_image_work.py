"""Work for the per-image runner, in a module that worker processes can import."""

from pathlib import Path

from wsss_core import artifacts


def write_name(image_id: str, folder: Path) -> None:
    """Write the image's id to its file."""
    artifacts.write_text(folder / f"{image_id}.txt", f"result of {image_id}")


def write_name_but_of_bad(image_id: str, folder: Path) -> None:
    """Write the image's id, and fail on the one called `bad`."""
    if image_id == "bad":
        raise ValueError("photograph bad cannot be read")
    write_name(image_id, folder)
