"""The examples of docs/cli.md run as they stand; its tables name what there is."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()


def examples() -> list[tuple[str, str]]:
    """Commands with what they write, in which "..." stands for anything."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def test_examples(binary: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pyralog").symlink_to(binary)
    (tmp_path / "work").mkdir()
    assert len(examples()) > 20
    for command, output in examples():
        done = subprocess.run(
            ["bash", "-c", f'export PATH="{tmp_path}/bin:$PATH"; {command}'],
            cwd=tmp_path / "work",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        pattern = ".*".join(re.escape(part) for part in output.split("..."))
        assert re.fullmatch(pattern, done.stdout, re.DOTALL), f"{command}\n{done.stdout}"


def section(title: str) -> str:
    """The text below a heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_each_dot_command_and_mode_is_told(pyralog: Run) -> None:
    listed = re.findall(r"^\.(\w+)", pyralog("sql", "-c", ".help").stdout, re.MULTILINE)
    told = re.findall(r"`\.(\w+)[^`]*`", section("Dot commands").split("|---|---|")[1].split("```")[0])
    assert sorted(set(told)) == sorted(listed)
    modes = re.search(r"There are: (.*)", pyralog("sql", "-c", ".mode nonsense").stderr)
    assert modes is not None
    told_modes = re.findall(r"^\| `(\w+)`", section("Modes"), re.MULTILINE)
    assert sorted(told_modes) == sorted(modes[1].split(", "))


def test_each_option_of_sql_is_told(pyralog: Run) -> None:
    options = set(re.findall(r"--[a-z][a-z-]+", pyralog("sql", "--help").stdout)) - {"--help", "--limit"}
    told = set(re.findall(r"--[a-z][a-z-]+", section("Statements: `pyralog sql`")))
    assert options <= told


def test_each_command_has_help_with_an_example(pyralog: Run) -> None:
    for command in re.findall(r"^\| `pyralog (\w+)", PAGE, re.MULTILINE):
        done = pyralog(command, "--help")
        assert done.returncode == 0 and "Example" in done.stdout, command
