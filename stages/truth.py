"""What the true masks are: DVC compares their bytes through this, and measures anew where they changed."""

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index
from wsss_core.cli.truth import open_truth
from wsss_core.params import Params
from wsss_core.report.measured import truth_digest


@command
def main(params: Params) -> None:
    """Write a digest of the true masks, on which nothing depends but what measures, shows or learns them."""
    truth = open_truth(params, open_index(params))
    artifacts.write_json(layout.TRUTH, {"files": len(truth.files), "digest": truth_digest(truth)})


if __name__ == "__main__":
    main()
