"""Run the parts of the check one after the other, keep a log line for each thing proved, and write reports/gpu.json.

Nothing but the standard library is imported here, so that a machine that lacks a package is told which.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from benchmarks.gpu import wheels
from benchmarks.gpu.parts import PARTS, Part
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting

REPORT = Path("reports/gpu.json")


def main() -> int:
    """0 where every part that ran passed."""
    options = _options()
    try:
        setting = Setting.of(
            rehearse=options.rehearse, photographs=options.photographs, weights=options.weights,
            saliency_weights=options.saliency_weights,
        )  # fmt: skip
    except ValueError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if setting.python not in (None, f"{sys.version_info.major}.{sys.version_info.minor}"):
        print(f"Error: the bundle is for Python {setting.python}, and {sys.executable} is another; name one by PYTHON=,"
              " or make a bundle with its PYTHON_VERSION", file=sys.stderr)  # fmt: skip
        return 2
    unpacked = wheels.unpack_missing()
    if unpacked:
        print(f"unpacked what this machine lacks: {', '.join(unpacked)}")
    began, results = time.monotonic(), []
    for part in [part for part in PARTS if options.part in (None, part.number)]:
        results.append(_run(part, setting))
        _write(results, setting, seconds=time.monotonic() - began)
    for result in results:
        print(f"part {result['part']}: {result['outcome']} in {result['seconds']} s")
    print(f"{REPORT}: {time.monotonic() - began:.0f} s in all")
    return int(any(result["outcome"] != "passed" for result in results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make gpu", description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="On a CPU, with less of everything.")
    parser.add_argument("--part", type=int, choices=[part.number for part in PARTS], help="This one alone.")
    parser.add_argument("--photographs", help="A VOC layout, or a folder with a CSV; else scenes are drawn.")
    parser.add_argument("--weights", help="Of mobilenetv2_100; else random ones.")
    parser.add_argument("--saliency-weights", help="Of U²-Net-P; else RBD makes the saliency maps.")
    return parser.parse_args()


def _run(part: Part, setting: Setting) -> dict:
    """The part in a process of its own, killed with all that it started when its time is over."""
    limit = part.rehearsal_seconds if setting.rehearse else part.seconds
    print(f"part {part.number}: {part.title} (at most {limit} s)", flush=True)
    lacking = wheels.missing(part.needs)
    if lacking:
        print(f"  left out: {', '.join(lacking)} missing; bring it with `{wheels.pip_line(lacking)}`")
        return {"part": part.number, "title": part.title, "outcome": "left out", "missing": lacking, "seconds": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        record, began = Record(Path(folder) / "lines.jsonl"), time.monotonic()
        command = [sys.executable, "-m", "benchmarks.gpu.part", part.module, str(record.path), setting.as_json()]
        process = subprocess.Popen(command, env=_environment(setting), start_new_session=True)
        try:
            outcome = "failed" if process.wait(limit) else "passed"
        except subprocess.TimeoutExpired:
            outcome = "timed out"
        finally:
            _end(process)
        seconds, lines = round(time.monotonic() - began, 1), record.lines()
    print(f"  {outcome} in {seconds} s", flush=True)
    return {"part": part.number, "title": part.title, "outcome": outcome, "seconds": seconds, "lines": lines}


def _environment(setting: Setting) -> dict[str, str]:
    paths = [str(Path.cwd()), str(wheels.SITE.resolve()), os.environ.get("PYTHONPATH", "")]
    chosen = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1", "TQDM_DISABLE": "1"}
    if setting.rehearse:
        chosen |= {"WSSS_REHEARSE": "1", "WSSS_DEVICES": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        chosen["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")  # threads that wait spin, and cores are few
    else:
        chosen["WSSS_DEVICES"] = "1"  # a stage refuses to compute elsewhere
    inherited = {name: value for name, value in os.environ.items() if name not in ("WSSS_PRECISION", "WSSS_RESUME_DIR")}
    return {**inherited, **chosen}


def _end(process: subprocess.Popen) -> None:
    """Kill what is left of the part, loaders included."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _write(results: list[dict], setting: Setting, *, seconds: float) -> None:
    """After each part: the report of a check that is cut off holds what it proved."""
    report = {"date": date.today().isoformat(), "rehearsal": setting.rehearse, "seconds": round(seconds, 1),
              "parts": results}  # fmt: skip
    REPORT.parent.mkdir(exist_ok=True)
    temporary = REPORT.with_suffix(".tmp")
    temporary.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(REPORT)


def _stopped(number: int, _: object) -> None:
    """As Ctrl-C is: the part that runs ends too, which lives in a session of its own."""
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stopped)
    sys.exit(main())
