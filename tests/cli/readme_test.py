"""The README's ten lines run as they stand."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_ten_lines(binary: str, tmp_path: Path) -> None:
    block = re.search(r"## Ten lines that run.*?```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert block is not None
    lines = block.group(1).splitlines()
    assert len(lines) == 10
    # The first builds and the last runs the demo, which are tests of their own.
    assert lines[0].startswith("./dev build") and lines[-1] == "./dev demo"
    outputs = []
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pyralog").symlink_to(binary)
    for line in lines[1:-1]:
        command = f'export PATH="{tmp_path}/bin:$PATH"; {line}'
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), line
        outputs.append(done.stdout)
    assert outputs[2] == "name,count\ncoffee,34\n"
    assert outputs[5].startswith("name,sold_since\n") and len(outputs[5].splitlines()) == 4
    assert len(outputs[6].splitlines()) == 3
    assert "Apache Parquet" in outputs[7]
