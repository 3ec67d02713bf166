"""Run every benchmark, print a table and write reports/benchmarks.json."""

import click

from benchmarks import walk_vs_dense
from wsss_core import artifacts, layout

CLAIMS = (walk_vs_dense,)


@click.command()
def main() -> None:
    """Measure each claim of speed against its reference."""
    rows = [row for claim in CLAIMS for row in claim.rows()]
    click.echo(f"{'name':<16} {'ours s':>9} {'reference s':>12} {'ratio':>7}  {'agreement':<24} size; device")
    for row in rows:
        click.echo(f"{row.name:<16} {row.ours_s:>9.4f} {row.reference_s:>12.4f} {row.ratio:>7.1f}  {row.agreement:<24}"
                   f" {row.size}; {row.device}")
    artifacts.write_json(layout.REPORTS / "benchmarks.json", [row.as_dict() for row in rows])


if __name__ == "__main__":
    main()
