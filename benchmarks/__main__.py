"""Run the benchmarks, print a table and write reports/benchmarks.json."""

import click
import torch

from benchmarks import (
    cam_inference,
    crf_vs_dense_kernel,
    crf_vs_pydensecrf,
    energy,
    less_memory,
    pipelines,
    rrm_step,
    threshold_sweep,
    training_memory,
    training_share,
    walk_vs_dense,
)
from benchmarks.measure import Row
from wsss_core import artifacts, layout

CLAIMS = {
    module.__name__.removeprefix("benchmarks."): module
    for module in (
        crf_vs_pydensecrf,
        crf_vs_dense_kernel,
        walk_vs_dense,
        energy,
        rrm_step,
        cam_inference,
        threshold_sweep,
        training_memory,
        training_share,
        less_memory,
        pipelines,
    )
}


@click.command()
@click.argument("names", nargs=-1, metavar="[CLAIM]...")
@click.option("--device", default=None, help="cpu or cuda; the GPU where there is one.")
def main(names: tuple[str, ...], device: str | None) -> None:
    """Measure each claim of speed against its reference; all claims, or those named."""
    unknown = set(names) - set(CLAIMS)
    if unknown:
        raise click.UsageError(f"no claim is called {sorted(unknown)[0]}; there are {', '.join(CLAIMS)}")
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    rows: list[Row] = []
    click.echo(f"{'name':<16} {'ours s':>9} {'reference s':>12} {'ratio':>7} {'floor s':>9}  agreement; size; device")
    for name in names or CLAIMS:
        measured = CLAIMS[name].rows(place)
        if not measured:
            click.echo(f"{name}: not measured: its reference is not installed, or it is nothing for this device")
        for row in measured:
            rows.append(row)
            times = f"{row.ours_s:>9.4f} {row.reference_s:>12.4f} {row.ratio:>7.2f} {row.floor_s:>9.4f}"
            click.echo(f"{row.name:<16} {times}  {row.agreement}; {row.size}; {row.device}")
    if not names:  # a part is no report of the whole
        artifacts.write_json(layout.REPORTS / "benchmarks.json", [row.as_dict() for row in rows])


if __name__ == "__main__":
    main()
