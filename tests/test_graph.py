"""The two tests that keep the structure true: imports run one way, and each stage depends on what it imports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsss_core import code_digest, graphs, layout
from wsss_core.code_digest import ROOT
from wsss_core.params import Params
from wsss_core.sections.section import Section, Shared

GRAPHS = graphs.files(ROOT)

LAYERS = [
    ("stages", "wsss_core.cli", "wsss_core.prediction"),
    ("wsss_core.trials",),
    ("wsss_core.frame",),
    ("wsss_core.methods",),
    ("wsss_core.report",),
    ("wsss_core.training",),
    ("wsss_core.inference", "wsss_core.evaluation", "wsss_core.intake", "wsss_core.exchange"),
    ("wsss_core.models", "wsss_core.losses", "wsss_core.data", "wsss_core.scenes"),
    ("wsss_core.ops",),
    ("wsss_core.runtime",),
    ("wsss_core.artifacts", "wsss_core.manifests", "wsss_core.presets"),
    (
        "wsss_core.voc",
        "wsss_core.supervision",
        "wsss_core.params",
        "wsss_core.sections",
        "wsss_core.params_file",
        "wsss_core.layout",
        "wsss_core.registry",
        "wsss_core.code_digest",
        "wsss_core.graphs",
        "wsss_core.problems",
        "wsss_core.remedies",
        "wsss_core.yaml_text",
    ),
]
"""Top to bottom: a module imports from its own layer or a lower one, and within the models, losses, data layer
only from its own package."""
SIBLINGS = LAYERS[7]

MODULES = sorted(path.relative_to(ROOT) for package in code_digest.PACKAGES for path in (ROOT / package).rglob("*.py"))


def _layer(path: Path) -> tuple[int, str]:
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    for depth, packages in enumerate(LAYERS):
        for package in packages:
            if name == package or name.startswith(f"{package}."):
                return depth, package
    raise AssertionError(f"{path} belongs to no layer of LAYERS")


LIBRARY = Path("wsss_core/__init__.py")
"""Offers what lies above all; imported with every module, it imports that only when it is called."""


@pytest.mark.parametrize("path", [m for m in MODULES if (ROOT / m).stat().st_size and m != LIBRARY], ids=str)
def test_imports_run_one_way(path):
    depth, package = _layer(path)
    for imported in code_digest.direct(path) - {LIBRARY}:
        below, other = _layer(imported)
        assert below >= depth, f"{path} imports {imported}, which lies above it"
        if package in SIBLINGS:
            assert below > depth or other == package, f"{path} imports {imported}: siblings know nothing of each other"


def test_no_two_modules_import_each_other():
    for path in MODULES:
        packages = {parent / "__init__.py" for parent in path.parents}  # importing a module runs its packages first
        for imported in code_digest.direct(path) - packages - {path}:
            back = code_digest.direct(imported) - {parent / "__init__.py" for parent in imported.parents}
            assert path not in back, f"{path} and {imported} import each other"


def _stages():
    for graph in GRAPHS:
        for name, stage in graphs.stages(graph).items():
            yield pytest.param(graph, name, stage, id=f"{graph.parent.name}-{name}")


@pytest.mark.parametrize(("graph", "name", "stage"), list(_stages()))
def test_a_stage_depends_on_the_digest_of_its_own_code(graph, name, stage):
    own = layout.CODE / graphs.name_of(graphs.code_of(stage["cmd"], detector="rbd"))
    listed = [dep for dep in stage.get("deps", ()) if dep.startswith(layout.CODE.as_posix())]
    assert listed == ([] if name == "digests" else [own.as_posix()])


def test_no_graph_lists_code():
    for graph in GRAPHS:
        assert ".py" not in graph.read_text(encoding="utf-8")


@pytest.mark.parametrize(("graph", "name", "stage"), list(_stages()))
def test_stage_reads_only_sections_that_dvc_tracks(graph, name, stage):
    if name == "digests":
        return  # it runs each time
    code = graphs.code_of(stage["cmd"], detector="rbd")
    files = [code_digest.path_of(code.module), Path(f"wsss_core/methods/{code.method}/recipe.py")]
    ours = files if code.module == "stages.train_joint" else files[:1]
    sources = [(ROOT / path).read_text(encoding="utf-8") for path in ours]
    read = {section for source in sources for section in re.findall(r"\bparams\.(\w+)", source)} - {"Params"}
    if "last_round" in read:  # asks the parameters only for the stage's own method, where they number its rounds
        own = getattr(Params(), code.method or "", None)
        read = read - {"last_round"} | ({code.method} if hasattr(own, "rounds") else set())
    tracked = {param.partition(".")[0] for param in stage["params"]}
    assert read <= tracked, f"{graph}: {name} reads params that it does not list"


def _sharing(section: Section, above: str = "") -> Iterator[str]:
    """The places of shared sections inside others, such as train_cam.optimizer."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if above and isinstance(value, Shared):
            yield f"{above}{name}"
        elif isinstance(value, Section):
            yield from _sharing(value, f"{above}{name}.")


@pytest.mark.parametrize(("graph", "name", "stage"), list(_stages()))
def test_stage_that_tracks_what_a_section_sets_differently_tracks_the_shared_section(graph, name, stage):
    tracked = stage.get("params", [])
    for place in _sharing(Params()):
        if any(f"{place}.".startswith(f"{param}.") for param in tracked):
            assert place.rpartition(".")[2] in tracked, f"{graph}: {name} has {place}, which lists but what differs"


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda path: path.parent.name)
def test_every_output_is_ignored_by_git(graph):
    ignored = [line.strip("/*") for line in (ROOT / ".gitignore").read_text().splitlines() if line.startswith("/")]
    for stage in graphs.stages(graph).values():
        for path in graphs.outputs(stage):
            assert path.split("/")[0] in ignored, f"{path} would land in Git"


@pytest.mark.parametrize(("graph", "name", "stage"), list(_stages()))
def test_what_made_an_output_is_recorded_in_a_cached_file_on_which_nothing_depends(graph, name, stage):
    outs = [out for out in stage.get("outs", []) if isinstance(out, str)]
    records = [out for out in outs if out.startswith(layout.PROVENANCE.as_posix())]
    # A page tells by itself what made it, and the digest of a file is the same whatever makes it.
    if not any(module in stage["cmd"] for module in ("stages.report", "stages.digests")):
        named = {layout.provenance_of(Path(out)).as_posix() for out in [*outs, *map(_stem, stage.get("metrics", []))]}
        assert len(records) == 1 and records[0] in named, f"{graph}: {name} must list its record among its outs"
    assert not [dep for dep in stage.get("deps", ()) if dep.startswith(layout.PROVENANCE.as_posix())]


def _stem(metrics: str) -> str:
    return metrics.removesuffix(".json")


OF_NO_LABEL_MAPS = {"saliency", "agreement"}
"""How the names of metrics end that are not of label maps against masks."""


def _scored():
    for graph in GRAPHS:
        for stage in graphs.stages(graph).values():
            if graphs.code_of(stage["cmd"], detector="rbd").module == "stages.evaluate":
                folders = [out for out in stage["outs"] if out.startswith(f"{layout.METRICS}/")]
                for metrics in map(Path, stage["metrics"] + folders):
                    if metrics.stem.rpartition("_")[2] not in OF_NO_LABEL_MAPS:
                        yield pytest.param(graph, stage["outs"], metrics, id=metrics.stem)


@pytest.mark.parametrize(("graph", "outs", "metrics"), list(_scored()))
def test_scored_label_maps_have_a_confusion_matrix_and_a_table_of_classes_which_the_page_shows(graph, outs, metrics):
    shown = graphs.stages(graph)["report"]["deps"]
    for folder in (layout.CONFUSION, layout.CLASSES):
        table = (folder / metrics.name).with_suffix(".csv" if metrics.suffix else "").as_posix()
        assert table in outs and table in shown


def test_stages_stand_in_an_order_in_which_each_finds_what_it_reads(tmp_path):
    written = """
    stages:
      show: {cmd: a, deps: [data/maps/index.json, figures.json]}
      score: {cmd: b, deps: [data/maps], metrics: [figures.json: {cache: true}]}
      make: {cmd: c, deps: [given], outs: [data/maps]}
    """
    (tmp_path / "dvc.yaml").write_text(written, encoding="utf-8")
    assert graphs.in_order(tmp_path / "dvc.yaml") == ["make", "score", "show"]
