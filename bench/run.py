"""Runs benchmarks and prints one table: what `./dev bench` calls.

    run.py [NAME] [--scale small|full] [--pairs N] [--summary] [--list] [-- ARG ...]

NAME is part of a benchmark program's name (point, segment) or of a pair's (point_select, _updated); without it all run.
Programs in bench/ compare Pyralog with a peer (docs/benchmarks.md); those beside the code in src/ are google-benchmark
programs of single parts, which run only when NAME names them, and take what follows `--`. So do scripts that print
figures of ours alone (bench/NAME_figures.py).

The exit code is 0 when every pair ran and both sides agreed, whatever the verdicts; 1 otherwise; 64 for usage.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("PYRALOG_BUILD_DIR", ROOT / "build/release"))
RESULTS = ROOT / "bench/results"
SUFFIX = "_bench"
FIGURES = "_figures"


def programs(folder: str) -> list[str]:
    """Names of the benchmark programs whose source is below `folder`."""
    return sorted(path.stem.removesuffix(SUFFIX) for path in (ROOT / folder).rglob(f"*{SUFFIX}.cc"))


def executable(name: str) -> Path:
    return BUILD / "bench" / f"{name}{SUFFIX}"


def run_suite(name: str, pair_filter: str, options: argparse.Namespace) -> tuple[bool, dict[str, Any]]:
    """Runs one program of pairs: whether all went well, and what it wrote."""
    out = RESULTS / f"{name}-{options.scale}.json"
    out.unlink(missing_ok=True)
    command = [str(executable(name)), "--scale", options.scale, "--filter", pair_filter, "--out", str(out)]
    command += ["--work", os.environ.get("PYRALOG_BENCH_DIR", str(ROOT / "build/bench"))]
    command += ["--python", sys.executable, "--peers", str(ROOT / "bench/peers")]
    if options.pairs:
        command += ["--pairs", str(options.pairs)]
    environment = {**os.environ, "PYTHONPATH": str(BUILD / "python")}
    ok = subprocess.run(command, cwd=ROOT, env=environment).returncode == 0
    try:
        results: dict[str, Any] = json.loads(out.read_text())
    except (OSError, ValueError):
        return False, {}
    if not results["pairs"]:
        out.unlink()
    return ok, results


def row(pair: dict[str, Any]) -> list[str]:
    unit = " s" if pair["unit"] == "seconds" else ""
    verdict = pair["verdict"] + (" (noisy)" if pair["noisy"] else "")
    spread = f"{pair['median']:.2f}{unit} [{pair['min']:.2f}, {pair['max']:.2f}]"
    against = pair["peer"]["name"] if "peer" in pair else "-"
    return [pair["name"], against, pair["goal"], spread, str(len(pair["values"])), verdict]


HEADINGS = ["pair", "against", "goal", "median [range]", "runs", "verdict"]


def print_table(pairs: list[dict[str, Any]]) -> None:
    rows = [HEADINGS, *map(row, pairs)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEADINGS))]
    print()
    for cells in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def write_summary(suites: list[dict[str, Any]], scale: str) -> Path:
    """The table as a page that is committed with the change that it speaks for."""
    path = ROOT / "bench/summary.md"
    lines = [
        f"# Benchmarks at {commit()}, {scale} scale",
        "",
        f"{cpu_model()}, {suites[0]['cores']} cores; memory {suites[0]['bandwidth'] / 1e9:.1f} GB/s, "
        f"a durable 4 KiB write {suites[0]['sync_seconds'] * 1e6:.0f} us. How to read it: "
        "[docs/benchmarks.md](../docs/benchmarks.md).",
        "",
        f"| {' | '.join(HEADINGS)} |",
        f"|{'---|' * len(HEADINGS)}",
        *(f"| {' | '.join(row(pair))} |" for suite in suites for pair in suite["pairs"]),
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def run_parts(name: str, arguments: list[str]) -> bool:
    """Runs the google-benchmark programs of src/ with this name."""
    ok = True
    for program in programs("src"):
        if name in program:
            ok &= subprocess.run([str(executable(program)), *arguments], cwd=ROOT).returncode == 0
    return ok


def run_figures(script: Path, options: argparse.Namespace) -> bool:
    command = [sys.executable, str(script), "--scale", options.scale, *options.rest]
    environment = {**os.environ, "PYRALOG_BINARY": str(BUILD / "pyralog")}
    return subprocess.run(command, cwd=ROOT, env=environment).returncode == 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--scale", choices=["small", "full"], default="full")
    parser.add_argument("--pairs", type=int, default=0, help="this many pairs, whatever they say (default: 7 or 21)")
    parser.add_argument("--summary", action="store_true", help="write bench/summary.md")
    parser.add_argument("--list", action="store_true", help="print the programs and end")
    own, rest = sys.argv[1:], []
    if "--" in own:
        own, rest = own[: own.index("--")], own[own.index("--") + 1 :]
    options = parser.parse_args(own)
    options.rest = rest
    return options


def main() -> int:
    options = parse()
    suites, parts = programs("bench"), programs("src")
    figures = {path.stem.removesuffix(FIGURES): path for path in sorted((ROOT / "bench").glob(f"*{FIGURES}.py"))}
    if options.list:
        print("pairs:", *suites)
        print("figures:", *figures)
        print("parts:", *parts)
        return 0
    if options.name in figures:
        return 0 if run_figures(figures[options.name], options) else 1
    RESULTS.mkdir(exist_ok=True)

    ok = True
    named = [name for name in suites if options.name in name]
    if options.name and not named and any(options.name in part for part in parts):
        return 0 if run_parts(options.name, options.rest) else 1
    results = []
    for name in named or suites:
        good, result = run_suite(name, "" if named else options.name, options)
        ok &= good
        if result.get("pairs"):
            results.append(result)
    if not results:
        print(f"bench: nothing was measured{f' for {options.name}' if options.name and ok else ''}", file=sys.stderr)
        return 64 if ok else 1
    print_table([pair for result in results for pair in result["pairs"]])
    if options.summary:
        print(f"\n{write_summary(results, options.scale).relative_to(ROOT)} written")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
