"""The shell at the other end of a pseudo-terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest


class Terminal:
    """A person at a terminal of 40 lines of 60 columns, who waits until what is expected is there."""

    def __init__(self, binary: str, folder: Path, *arguments: str, prompt: str = "db> ", **variables: str) -> None:
        try:
            self.master, slave = pty.openpty()
        except OSError as error:
            pytest.skip(f"no pseudo-terminals on this machine: {error}")
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
        environment = {
            **os.environ,
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "PAGER": "cat",
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            **variables,
        }
        for name in ("PYRALOG_HISTORY", "PYRALOG_INIT"):
            if name not in variables:
                environment.pop(name, None)
        self.prompt = prompt
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
        self.greeting = self.expect(prompt)

    @staticmethod
    def control(slave: int) -> None:
        """Makes the pseudo-terminal the process's own, so that Ctrl-C on it is a signal."""
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    def send(self, text: str) -> None:
        """Types, without Enter."""
        os.write(self.master, text.encode())

    def expect(self, *texts: str) -> str:
        """Waits until these came one after the other; what came."""
        seen = ""
        rest = list(texts)
        start = 0
        end = time.monotonic() + 30
        while rest:
            at = seen.find(rest[0], start)
            if at >= 0:
                start = at + len(rest.pop(0))
                continue
            left = end - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], f"no {rest[0]!r} in {seen!r}"
            seen += os.read(self.master, 65536).decode(errors="replace")
        return seen

    def ask(self, text: str, *answer: str, prompt: str | None = None) -> str:
        """Sends a line; its answer up to the next prompt."""
        self.send(text + "\r")
        return self.expect("\r\n", *answer, prompt or self.prompt)

    def close(self) -> int:
        """Reads what is still written, without which the process would wait; its exit code."""
        with contextlib.suppress(OSError):  # the other end is closed
            while select.select([self.master], [], [], 20)[0] and os.read(self.master, 65536):
                pass
        code = self.process.wait(20)
        os.close(self.master)
        return code

    def leave(self) -> int:
        """Ctrl-D; the exit code."""
        self.send("\x04")
        return self.close()
