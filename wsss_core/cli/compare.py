"""`wsss compare`: all methods that ran, in one table and on one page."""

from collections.abc import Sequence
from pathlib import Path

import click

from wsss_core import artifacts, layout
from wsss_core.cli.outputs import refuse_input
from wsss_core.frame.stage import PATH, open_index, telling_errors
from wsss_core.params import load_params

CSV = layout.REPORTS / "compare.csv"


@click.command()
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@click.option("--beside", "others", multiple=True, type=PATH,
              help="The compare.csv of another run, whose rows stand beside these; may be repeated.")
@telling_errors
def compare(params_file: Path, others: Sequence[Path]) -> None:
    """Compare all methods whose graphs ran: a table, reports/compare.csv and reports/compare.html.

    Rows stand in blocks by supervision: image tags (I), also saliency learnt from masks of other pictures (I+S), true
    masks (F). What `wsss seeds` ran on this data stands below, in a table of its own.
    """
    from wsss_core.evaluation.measured import measured_on
    from wsss_core.frame import page  # and torch: the other commands start without
    from wsss_core.frame.truth import open_truth
    from wsss_core.report import comparison, contents, seeds, tables

    refuse_input(CSV, others, remedy="copy it elsewhere and give the copy to --beside")
    params = load_params(params_file)
    index = open_index(params)
    measured = measured_on(index, open_truth(params, index))
    beside = [line for path in others for line in comparison.read_csv(path)]
    lines, missing = comparison.compare(params, measured)
    if not lines:
        raise click.ClickException(
            "no graph has run to its metrics on the data as it is now; run `dvc repro`, then those in pipelines/"
        )
    artifacts.write_text(CSV, comparison.as_csv(lines))  # of this run alone, to stand beside another
    lines = comparison.in_blocks([*lines, *beside])
    figures = comparison.Figures(measured)
    ran = [method for method in comparison.methods(params) if figures.of(method.name)]
    notes = comparison.notes(ran)
    explained = click.wrap_text(" ".join([tables.COMPARISON_NOTE, *notes]), width=110)
    click.echo(f"{comparison.as_text(lines)}\n{explained}")
    over_seeds = seeds.current(measured, params=seeds.but_the_seed(params))
    if over_seeds:
        click.echo(f"\n{tables.as_text(over_seeds)}\n{click.wrap_text(seeds.NOTE, width=110)}\n")
    for graph in missing:
        click.echo(f"not run yet on this data: dvc repro {graph}")
    shown = contents.of_comparison([method.name for method in ran], notes=notes)
    table = [comparison.HEADER, *map(comparison.cells, lines)]
    written, _ = page.write(params, index, shown, comparison=table, over_seeds=over_seeds)
    click.echo(f"wrote {CSV} and {written}")
