"""Formatting, layers, clang-tidy (with clang's warnings and thread-safety analysis), ruff and mypy.

    lint.py [--jobs N] [--no-tests] [FILE or FOLDER ...]

clang-tidy reads each source file as its own translation unit, without unity batches and precompiled headers, so a
missing include shows here. A file that was clean is remembered by the content of all it includes from this tree, and is
not read again; the memory lies in the download cache and is shared by all clones.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import layers

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/lint"
CLANG_TIDY = "clang-tidy-19"
CLANG_FORMAT = "clang-format-19"
INCLUDE = re.compile(rb'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
# Of its closing lines only the findings are of interest.
CHATTER = re.compile(r"^(\d+ warnings? (generated|and)|Suppressed |Use -header-filter|\[\d+/\d+\])")


def own_files(*suffixes: str) -> list[Path]:
    """Files that are tracked, or would be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *(f"*{s}" for s in suffixes)]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


@cache
def included(path: Path) -> frozenset[Path]:
    """The files of this tree that `path` includes directly."""
    found = set()
    for name in INCLUDE.findall(path.read_bytes()):
        for base in (ROOT / "src", ROOT / "include", path.parent, ROOT):
            target = base / name.decode()
            if target.is_file():
                found.add(target.resolve())
                break
    return frozenset(found)


def fingerprint(path: Path, command: str) -> str:
    """Changes when the file, one that it includes, its command line, the checks or a dependency changes."""
    files = {path}
    todo = [path]
    while todo:
        new = included(todo.pop()) - files
        files |= new
        todo += new
    digest = hashlib.sha256(command.replace(str(ROOT), "").encode())
    for file in [*sorted(files), ROOT / ".clang-tidy", ROOT / "tools/dependencies.lock"]:
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def tidy(path: Path) -> tuple[bool, str]:
    done = subprocess.run(
        [CLANG_TIDY, "-p", str(BUILD), "--quiet", str(path)], cwd=ROOT, capture_output=True, text=True
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line and not CHATTER.match(line)]
    return done.returncode == 0, "\n".join(lines).replace(f"{ROOT}/", "")


def run_tidy(only: list[Path], jobs: int, tests: bool) -> bool:
    clean_folder = Path(os.environ.get("PYRALOG_CACHE", Path.home() / ".cache/pyralog")) / "tidy"
    clean_folder.mkdir(parents=True, exist_ok=True)
    commands = {
        Path(entry["file"]): entry["command"]
        for entry in json.loads((BUILD / "compile_commands.json").read_text())
        if not entry["file"].startswith(f"{ROOT}/build/") and (tests or not entry["file"].endswith("_test.cc"))
    }
    wanted = {
        path: clean_folder / fingerprint(path, command)
        for path, command in sorted(commands.items())
        if not only or any(path == choice or path.is_relative_to(choice) for choice in only)
    }
    todo = [path for path, mark in wanted.items() if not mark.exists()]
    start = time.monotonic()
    ok = True
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for path, (clean, text) in zip(todo, pool.map(tidy, todo), strict=True):
            if clean:
                wanted[path].touch()
            else:
                ok = False
                print(text, flush=True)
    seconds = time.monotonic() - start
    print(f"lint: clang-tidy read {len(todo)} of {len(wanted)} files in {seconds:.0f} s, the others were clean before")
    return ok


def run(name: str, *command: str) -> bool:
    ok = subprocess.run(command, cwd=ROOT).returncode == 0
    print(f"lint: {name} {'ok' if ok else 'FAILED'}", flush=True)
    return ok


def run_layers() -> bool:
    errors = [finding for finding in layers.check(ROOT) if not finding.warning]
    for finding in errors:
        print(finding.text(ROOT))
    print(f"lint: layers {'FAILED' if errors else 'ok'}", flush=True)
    return not errors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--no-tests", action="store_true", help="clang-tidy passes over unit tests")
    parser.add_argument("files", nargs="*", type=Path, help="clang-tidy reads only these files and folders")
    options = parser.parse_args()

    ok = run_layers()
    sources = [str(path) for path in own_files(".cc", ".h")]
    if sources:
        ok &= run("clang-format", CLANG_FORMAT, "--dry-run", "-Werror", *sources)
    if own_files(".py"):
        ok &= run("ruff check", sys.executable, "-m", "ruff", "check", "-q", ".")
        ok &= run("ruff format", sys.executable, "-m", "ruff", "format", "-q", "--check", ".")
        scripts = [str(path.relative_to(ROOT)) for path in own_files(".py")]
        ok &= run("mypy", sys.executable, "-m", "mypy", "--cache-dir", "build/mypy", *scripts)
    if sources:
        ok &= run_tidy([path.resolve() for path in options.files], options.jobs, not options.no_tests)
    print(f"lint: {'ok' if ok else 'FAILED'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
