"""Where the outside test data are, what is expected of them, and the command."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def suite_folder(suite: str) -> Path:
    """The folder of a suite; the test is skipped, with the count that it leaves out, when it is absent."""
    base = Path(os.environ.get("PYRALOG_SUITES", ROOT.parent / "shared/suites"))
    folder = base / suite
    if not folder.is_dir():
        pytest.skip(f"no outside test data: {expected(suite)['total']} cases of {suite} skipped")
    return folder


def expected(suite: str) -> dict[str, Any]:
    """Totals, skips and their reasons, as written beside the tests."""
    text = (Path(__file__).parent / "expected" / f"{suite}.json").read_text()
    return dict(json.loads(text))


def cat(path: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs `pyralog cat`, with an end that no test waits for in vain."""
    command = [os.environ["PYRALOG_BINARY"], "cat", str(path), *arguments]
    return subprocess.run(command, capture_output=True, timeout=120, check=False)


class Tally:
    """Counts cases and compares the sum with what is written down: a suite that shrinks shows."""

    def __init__(self, suite: str) -> None:
        self.expected = expected(suite)
        self.counts = dict.fromkeys(("passed", "failed", "refused", "skipped"), 0)
        self.wrong: list[str] = []
        self.suite = suite

    def skip_reason(self, case: str) -> str | None:
        """Why this case is left out, if it is."""
        skips: dict[str, str] = self.expected.get("skipped", {})
        if case in skips:
            self.counts["skipped"] += 1
        return skips.get(case)

    def passed(self, *, refused: bool = False) -> None:
        """A case that ended as it should: read right, or refused where it must be."""
        self.counts["refused" if refused else "passed"] += 1

    def failed(self, case: str, why: str) -> None:
        """A case that did not."""
        self.counts["failed"] += 1
        self.wrong.append(f"{case}: {why[:500]}")

    def report(self) -> None:
        """Prints the sum; fails when it is not the expected one."""
        total = sum(self.counts.values())
        line = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        print(f"{self.suite}: {line}, {self.expected['total']} expected")
        assert not self.wrong, "\n".join(self.wrong)
        assert total == self.expected["total"], f"{total} cases, expected {self.expected['total']}"
        for name in ("passed", "refused"):
            assert self.counts[name] == self.expected[name], f"{self.counts[name]} {name}"
        assert self.counts["skipped"] == len(self.expected.get("skipped", {})), "a skip names no case"
