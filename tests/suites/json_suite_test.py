"""nst/JSONTestSuite: what is JSON is read, what is none is refused, and nothing crashes."""

from __future__ import annotations

import json
from pathlib import Path

from outside_data import Tally, cat, suite_folder


def test_json_test_suite() -> None:
    folder = suite_folder("json-test-suite")
    count = Tally("json-test-suite")
    streams = []
    for path in sorted(folder.glob("*.json")):
        done = cat(path, "--out", "jsonl")
        if done.returncode not in (0, 2) or (done.returncode == 2 and not done.stderr.startswith(b"error: ")):
            count.failed(path.name, f"exit code {done.returncode}: {done.stderr.decode()}")
        elif path.name[0] == "i":
            count.passed()
        elif path.name[0] == "y" and done.returncode != 0:
            count.failed(path.name, done.stderr.decode())
        elif path.name[0] == "n" and done.returncode == 0 and not is_stream_of_values(path):
            count.failed(path.name, f"was read as {done.stdout!r}")
        else:
            streams += [path.name] if path.name[0] == "n" and done.returncode == 0 else []
            count.passed(refused=done.returncode == 2)
    assert len(streams) <= count.expected["streams_at_most"], streams
    count.report()


def is_stream_of_values(path: Path) -> bool:
    """Whether each line is a JSON value: valid JSON Lines, though no single document."""
    try:
        values = [json.loads(line) for line in path.read_bytes().split(b"\n") if line.strip()]
    except ValueError:
        return False
    return len(values) > 0
