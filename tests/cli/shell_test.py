"""The shell, as a person at a terminal meets it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import stat
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


class Terminal:
    """The shell at the other end of a pseudo-terminal."""

    def __init__(self, binary: str, folder: Path, *arguments: str) -> None:
        try:
            self.master, slave = pty.openpty()
        except OSError as error:
            pytest.skip(f"no pseudo-terminals on this machine: {error}")
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
        environment = dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8", XDG_STATE_HOME=str(folder / "state"))
        environment.pop("PYRALOG_HISTORY", None)
        self.process = subprocess.Popen(
            [binary, *arguments],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            preexec_fn=lambda: self.control(slave),
        )
        os.close(slave)
        self.expect("pyralog> ")

    @staticmethod
    def control(slave: int) -> None:
        """Makes the pseudo-terminal the process's own, so that Ctrl-C on it is a signal."""
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    def send(self, text: str) -> None:
        os.write(self.master, text.encode())

    def expect(self, *texts: str) -> str:
        """Waits until these came one after the other; what came."""
        seen = ""
        rest = list(texts)
        start = 0
        end = time.monotonic() + 20
        while rest:
            at = seen.find(rest[0], start)
            if at >= 0:
                start = at + len(rest.pop(0))
                continue
            left = end - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], f"no {rest[0]!r} in {seen!r}"
            seen += os.read(self.master, 65536).decode(errors="replace")
        return seen

    def ask(self, text: str, *answer: str) -> str:
        """Sends a line; its answer up to the next prompt."""
        self.send(text + "\r")
        return self.expect(*answer, "pyralog> ")

    def close(self) -> int:
        """Reads what is still written, without which the process would wait; its exit code."""
        with contextlib.suppress(OSError):  # the other end is closed
            while select.select([self.master], [], [], 20)[0] and os.read(self.master, 65536):
                pass
        code = self.process.wait(20)
        os.close(self.master)
        return code


@pytest.fixture
def shell(binary: str, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(binary, tmp_path, "db")
    yield terminal
    if terminal.process.poll() is None:
        terminal.process.kill()
        terminal.close()


def test_statements_and_errors(shell: Terminal) -> None:
    shell.ask("CREATE TABLE t (a INTEGER, b VARCHAR);")
    shell.ask("INSERT INTO t VALUES (1, 'größe 漢字');", "1 row changed")
    shell.ask("SELECT * FROM t;", "│ a │ b", "│ 1 │ größe 漢字 │")
    shell.ask("SELEC 1;", "error: INVALID_ARGUMENT: ")
    shell.send("SELECT 'a;\r")
    shell.expect("...> ")
    shell.ask("b' AS x, 2 AS y;", "│ a;\\nb │ 2 │")
    shell.ask("SELECT repeat('wide ', 100) AS w;", "… │")
    shell.send("\x04")
    assert shell.close() == 0


def test_dot_commands(shell: Terminal) -> None:
    shell.ask(".help", ".databases", ".tables")
    shell.ask("CREATE TABLE stock (id INTEGER); CREATE VIEW few AS SELECT * FROM stock;")
    shell.ask(".tables", "few", "view", "stock", "table")
    shell.ask(".tables sto", "stock")
    shell.ask(".schema stock", "CREATE TABLE stock(id INTEGER);")
    shell.ask(".schemas", "main")
    shell.ask(".databases", "pyralog")
    shell.ask(".formats", "parquet")
    shell.ask(".tabels", "did you mean .tables?")
    shell.ask(".mode", "box")
    shell.ask(".mode jsonl")
    shell.ask("SELECT 1 AS a;", '{"a":1}')
    shell.ask(".mode nonsense", "error: INVALID_ARGUMENT: ")
    shell.ask(".timer on")
    shell.ask("SELECT 1 AS a;", " s\r\n")
    shell.ask(".rows 2")
    shell.ask(".mo box")
    shell.ask("SELECT * FROM range(9);", "... 9 rows (2 shown)")
    shell.send(".quit\r")
    assert shell.close() == 0


def test_ctrl_c_cancels_the_statement_and_keeps_the_shell(shell: Terminal) -> None:
    shell.send("SELECT count(*) FROM range(10000000) a, range(10000000) b;\r")
    time.sleep(0.5)
    shell.send("\x03")
    shell.expect("error: INTERRUPTED: ", "pyralog> ")
    shell.ask("SELECT 40 + 2 AS x;", "│ 42 │")
    shell.send("SELECT 'half a\r")
    shell.expect("...> ")
    shell.send("\x03")
    shell.expect("^C", "pyralog> ")
    shell.ask("SELECT 40 + 3 AS x;", "│ 43 │")
    shell.send(".exit\r")
    assert shell.close() == 0


def test_history_is_private_and_holds_no_secrets(shell: Terminal, binary: str, tmp_path: Path) -> None:
    shell.ask("SELECT 'remembered' AS x;")
    shell.ask("SELECT 'my password is x' AS x;")
    shell.send("\x04")
    assert shell.close() == 0
    history = tmp_path / "state" / "pyralog" / "history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    text = history.read_text()
    assert "remembered" in text and "password" not in text
    again = Terminal(binary, tmp_path)
    again.send("\x1b[A\r")  # the line before
    again.expect("remembered", "pyralog> ")
    again.send("\x04")
    assert again.close() == 0
