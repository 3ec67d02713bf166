"""Run the parts of the check one after the other, keep a log line for each thing proved, and write reports/gpu.json.

Nothing but the standard library is imported here, so that a machine that lacks a package is told which.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from benchmarks.gpu import origin, wheels
from benchmarks.gpu.parts import PARTS, READERS, Part
from benchmarks.gpu.record import Record
from benchmarks.gpu.report import REHEARSAL, REPORT, Report
from benchmarks.gpu.setting import Setting
from wsss_core.runtime import interruption  # which imports nothing else


def main() -> int:
    """0 where every part that ran passed, 1 where one did not, 2 where none can run, 128 + n ended by signal n."""
    options = _options()
    with interruption.handled():
        try:
            setting, report = _prepared(options)
        except ValueError as error:
            return _refused(str(error))
        except OSError as error:
            return _refused(f"{error.filename}: {error.strerror}; make it accessible" if error.filename else
                            f"{error.strerror}; name one by TMPDIR=")  # fmt: skip
        parts = [part for part in PARTS if options.part in (None, part.number)]
        passed = _run_all(parts, setting, report)
        stopped = interruption.arrived()
    return 128 + stopped if stopped else int(not passed)


def _refused(why: str) -> int:
    print(f"Error: {why}", file=sys.stderr)
    return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make gpu", description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="On a CPU, with less of everything.")
    parser.add_argument("--part", type=int, choices=[part.number for part in PARTS], help="This one alone.")
    parser.add_argument("--photographs", help="A VOC layout, or a folder with a CSV; else scenes are drawn.")
    parser.add_argument("--weights", help="Of mobilenetv2_100; else random ones.")
    parser.add_argument("--saliency-weights", help="Of U²-Net-P; else RBD makes the saliency maps.")
    return parser.parse_args()


def _prepared(options: argparse.Namespace) -> tuple[Setting, Report]:
    """What the parts are told, with the bundle's packages in place, and where their results go.

    Raises:
        ValueError, OSError: something that every part needs is not as it must be; the text says what to do.
    """
    setting = Setting.of(
        rehearse=options.rehearse, photographs=options.photographs, weights=options.weights,
        saliency_weights=options.saliency_weights,
    )  # fmt: skip
    if setting.python not in (None, f"{sys.version_info.major}.{sys.version_info.minor}"):
        raise ValueError(f"the bundle is for Python {setting.python}, and {sys.executable} is another; name one by"
                         " PYTHON=, or make a bundle with its PYTHON_VERSION")  # fmt: skip
    tempfile.gettempdir()  # an OSError says where it looked
    report = Report.open(REHEARSAL if setting.rehearse else REPORT)
    try:
        unpacked = wheels.unpack_missing()
    except zipfile.BadZipFile as error:
        raise ValueError(f"{wheels.WHEELS} holds a damaged wheel ({error}); copy the bundle again") from None
    if unpacked:
        print(f"unpacked what this machine lacks: {', '.join(unpacked)}")
    if setting.photographs and not wheels.missing(READERS):
        from benchmarks.gpu import sample

        try:
            sample.checked(sample.source_of(Path(setting.photographs)))
        except ValueError as error:
            raise ValueError(f"PHOTOGRAPHS: {error}") from None
    return setting, report


def _run_all(parts: list[Part], setting: Setting, report: Report) -> bool:
    """One after the other, until a signal comes; whether all passed, and their results were kept."""
    began, where, results, kept = time.monotonic(), origin.of(setting), [], True
    for part in parts:  # before minutes go into the others
        if lacking := _lacking(part, setting):
            print(f"part {part.number} will be left out: {', '.join(lacking)} missing")
    for part in parts:
        if interruption.arrived():
            break
        results.append(_run(part, setting))
        kept &= report.keep({**results[-1], **where})
    for result in results:
        print(f"part {result['part']}: {result['outcome']} in {result['seconds']} s")
    print(f"{report.path}: {time.monotonic() - began:.0f} s in all", flush=True)
    return kept and all(result["outcome"] == "passed" for result in results)


def _run(part: Part, setting: Setting) -> dict:
    """The part in a process of its own, killed with all that it started when its time is over or a signal comes."""
    limit = part.rehearsal_seconds if setting.rehearse else part.seconds
    print(f"part {part.number}: {part.title} (at most {limit} s)", flush=True)
    about = {"part": part.number, "title": part.title, **origin.now()}
    lacking = _lacking(part, setting)
    if lacking:
        print(f"  left out: {', '.join(lacking)} missing; bring {wheels.remedy(lacking)}")
        return {**about, "outcome": "left out", "missing": lacking, "seconds": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        record, began = Record(Path(folder) / "lines.jsonl"), time.monotonic()
        command = [sys.executable, "-m", "benchmarks.gpu.part", part.module, str(record.path), setting.as_json()]
        process = subprocess.Popen(command, env=_environment(setting), start_new_session=True)
        try:
            with interruption.raising():
                outcome = "failed" if process.wait(limit) else "passed"
        except subprocess.TimeoutExpired:
            outcome = "timed out"
        except interruption.Interrupted:
            outcome = "interrupted"
        finally:
            _end(process)
        seconds, lines = round(time.monotonic() - began, 1), record.lines()
    print(f"  {outcome} in {seconds} s", flush=True)
    return {**about, "outcome": outcome, "seconds": seconds, "lines": lines}


def _lacking(part: Part, setting: Setting) -> list[str]:
    return wheels.missing(part.all_needs(saliency_weights=bool(setting.saliency_weights)))


def _environment(setting: Setting) -> dict[str, str]:
    paths = [str(Path.cwd()), str(wheels.SITE.resolve()), os.environ.get("PYTHONPATH", "")]
    chosen = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1", "TQDM_DISABLE": "1"}
    if setting.rehearse:
        chosen |= {"WSSS_REHEARSE": "1", "WSSS_DEVICES": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        chosen["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")  # threads that wait spin, and cores are few
    else:
        chosen["WSSS_DEVICES"] = "1"  # a stage refuses to compute elsewhere
    inherited = {name: value for name, value in os.environ.items() if name not in ("WSSS_PRECISION", "WSSS_RESUME_DIR")}
    return {**inherited, **chosen, **wheels.keeping_byte_code()}


def _end(process: subprocess.Popen) -> None:
    """Kill what is left of the part, loaders included."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    sys.exit(main())
