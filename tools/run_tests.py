"""Runs the tests: ctest's executables, then pytest's files, then the examples; prints one sum at the end.

`./dev test` calls it. The C++ tests are one executable for each layer and for each folder of tests/; their cases are
counted from GoogleTest's own reports, so that the sum counts cases, not executables.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Count:
    """How many cases passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def build(preset: str, targets: list[str]) -> None:
    """Builds, or ends the program: the compiler has said why."""
    if subprocess.run(["./dev", "build", preset, *targets], cwd=ROOT).returncode != 0:
        sys.exit("run_tests: the build failed")


def ctest_names(build_dir: Path, labels: list[str]) -> list[str]:
    """The test executables that are registered, after the build files were made."""
    command = ["ctest", "--test-dir", str(build_dir), "--show-only=json-v1"]
    if labels:
        command += ["-L", f"^({'|'.join(labels)})$"]
    listing = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [test["name"] for test in listing["tests"]]


def count_gtest(report: Path) -> Count:
    """Counts one GoogleTest report; a missing or cut one is an executable that died: one failure."""
    try:
        suites = json.loads(report.read_text())["testsuites"]
    except (OSError, ValueError, KeyError):
        return Count(failed=1)
    count = Count()
    for suite in suites:
        for case in suite["testsuite"]:
            if case.get("failures"):
                count.failed += 1
            elif case.get("result") == "SKIPPED":
                count.skipped += 1
            elif case.get("status") == "RUN":
                count.passed += 1
    return count


def run_ctest(build_dir: Path, names: list[str], gtest_filter: str | None, jobs: int) -> Count:
    """Runs these executables with ctest and counts their cases."""
    if not names:
        return Count()
    results = build_dir / "results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    environment = dict(os.environ, GTEST_OUTPUT=f"json:{results}/", GTEST_BRIEF="1")
    if gtest_filter:
        environment["GTEST_FILTER"] = f"*{gtest_filter}*"
    pattern = f"^({'|'.join(map(re.escape, names))})$"
    code = subprocess.run(
        ["ctest", "--test-dir", str(build_dir), "--output-on-failure", "-j", str(jobs), "-R", pattern],
        env=environment,
        cwd=ROOT,
    ).returncode
    count = Count()
    for name in names:
        count += count_gtest(results / f"{name}.json")
    if code != 0 and count.failed == 0:
        count.failed = 1
    return count


def python_environment(preset: str) -> dict[str, str]:
    build_dir = ROOT / "build" / preset
    return dict(
        os.environ,
        PYRALOG_BUILD_DIR=str(build_dir),
        PYRALOG_BINARY=str(build_dir / "pyralog"),
        PYRALOG_PYTHON=sys.executable,
        PYRALOG_DEMO_DATA=str(ROOT / "build/deps/vega-datasets/data"),
        PYRALOG_SUITES=os.environ.get("PYRALOG_SUITES", str(ROOT.parent / "shared/suites")),
    )


def python_selection(keyword: str | None, executables_match: bool) -> list[str] | None:
    """The arguments that make pytest run what the filter names; None when it names no Python test.

    A word is a folder or file of tests/ (`layers`, `tools`), or, when no executable has that name, a pytest keyword.
    """
    files = sorted((ROOT / "tests").rglob("*_test.py"))
    if not files:
        return None
    if not keyword:
        return ["tests"]
    named = [file for file in files if keyword in (file.stem, file.stem.removesuffix("_test"), file.parent.name)]
    if named:
        return [str(file.relative_to(ROOT)) for file in named]
    if executables_match:
        return None
    selection = ["-k", keyword, "tests"]
    code = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *selection], cwd=ROOT, capture_output=True
    ).returncode
    return selection if code == 0 else None


def run_pytest(preset: str, selection: list[str]) -> Count:
    report = ROOT / "build" / preset / "pytest.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *selection]
    code = subprocess.run(command, cwd=ROOT, env=python_environment(preset)).returncode
    try:
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return Count(failed=1)
    total, failed, skipped = (
        sum(int(suite.get(key, "0")) for suite in suites for key in keys)
        for keys in (("tests",), ("failures", "errors"), ("skipped",))
    )
    if code not in (0, 5) and failed == 0:
        failed = 1
    return Count(passed=max(0, total - failed - skipped), failed=failed, skipped=skipped)


def run_examples(preset: str) -> Count:
    """Runs each numbered example; what it prints must be its expected.txt, where it has one."""
    count = Count()
    for folder in sorted((ROOT / "examples").glob("[0-9]*")):
        script = next((folder / name for name in ("demo.sh", "run.sh", "demo.py") if (folder / name).exists()), None)
        if script is None:
            continue
        start = time.monotonic()
        command = ["bash", str(script)] if script.suffix == ".sh" else [sys.executable, str(script)]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=python_environment(preset),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        expected = folder / "expected.txt"
        ok = done.returncode == 0 and (not expected.exists() or expected.read_text() == done.stdout)
        print(f"example {folder.name}: {'passed' if ok else 'FAILED'} in {time.monotonic() - start:.1f} s", flush=True)
        if not ok:
            print(done.stdout, f"exit code {done.returncode}", sep="\n", flush=True)
        count += Count(passed=int(ok), failed=int(not ok))
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="release")
    parser.add_argument("--label", action="append", default=[], help="a layer, or tests_FOLDER; may be repeated")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("filter", nargs="?", help="a test executable, a test case, or a pytest keyword")
    options = parser.parse_args()

    build_dir = ROOT / "build" / options.preset
    cpp_only = options.preset != "release" or bool(options.label)
    gtest_filter = None
    matching: list[str] = []
    build(options.preset, ["rebuild_cache"])
    names = ctest_names(build_dir, options.label)
    if options.filter:
        matching = [name for name in names if re.search(options.filter, name)]
        if matching:
            names = matching
        else:
            gtest_filter = options.filter
    python = None if cpp_only else python_selection(options.filter, bool(matching))
    if gtest_filter and python and "-k" not in python:
        names = []
    targets = list(names)
    if not options.filter and not cpp_only:
        targets = ["all"]
    elif python:
        targets.append("python")
    if targets:
        build(options.preset, targets)

    total = run_ctest(build_dir, names, gtest_filter, options.jobs)
    if python:
        total += run_pytest(options.preset, python)
    if not cpp_only and not options.filter:
        total += run_examples(options.preset)

    print(f"\n{total}", flush=True)
    if total.passed + total.failed == 0:
        print("no test was run", file=sys.stderr)
        return 1
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
