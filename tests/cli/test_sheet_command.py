"""`wsss sheet`: which label maps it takes; the page itself is tried in tests/report."""

import shutil

from workspace import error_message

from wsss_core import layout
from wsss_core.cli.main import main


def test_it_writes_a_page_of_the_pseudo_labels_or_of_other_label_maps(finished, tmp_path):
    workspace = finished.copied_to(tmp_path / "work")
    result = workspace.invoke(main, "sheet", "--count", 4)
    assert result.exit_code == 0, result.output
    assert "wrote reports/sheet.html: 4 of 6 label maps of data/pseudo_labels/affinitynet" in result.output
    assert (workspace.folder / "reports/sheet.html").read_text(encoding="utf-8").count("<article") == 4
    result = workspace.invoke(main, "sheet", layout.PREDICTIONS / "deeplab")
    assert "3 of 3 label maps of data/predictions/deeplab" in result.output


def test_what_holds_no_label_maps_is_refused(finished, tmp_path):
    workspace = finished.copied_to(tmp_path / "work")
    message = error_message(workspace.invoke(main, "sheet", layout.CAMS), code=2)
    assert message == "data/cam holds no label map of a photograph of this data set"
    shutil.rmtree(workspace.folder / layout.PSEUDO_LABELS)
    message = error_message(workspace.invoke(main, "sheet"), code=2)
    assert message.endswith("affinitynet holds no finished label maps; run `dvc repro` first, or name others")
    message = error_message(workspace.invoke(main, "sheet", "nowhere"), code=2)
    assert message.startswith("nowhere holds no finished label maps")
