"""PostgreSQL as the witness for constraints and transactions: what it accepts and refuses, and the rows that it leaves.

PostgreSQL runs as REPEATABLE READ, which is what Pyralog's snapshot isolation is compared with. It waits where Pyralog
goes on and refuses the later commit, so of two sessions what counts is which transactions commit, what they read, and
what is left.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

psycopg = pytest.importorskip("psycopg", reason="the witness needs the psycopg wheel: ./dev setup")

HERE = Path(__file__).parent
POSTGRES = Path("/usr/lib/postgresql/15/bin")
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Step:
    session: str
    sql: str


@dataclass
class Case:
    name: str
    steps: list[Step] = field(default_factory=list)

    @property
    def sessions(self) -> set[str]:
        return {step.session for step in self.steps}


@dataclass
class Outcome:
    """What a statement did: its rows (sorted; none of what is no query), or that it was refused."""

    refused: bool = False
    rows: list[list[Any]] = field(default_factory=list)
    message: str = ""

    def shown(self) -> str:
        return f"refused: {self.message}" if self.refused else str(self.rows)


def read_cases() -> list[Case]:
    cases: list[Case] = []
    for line in (HERE / "constraints.txt").read_text().splitlines():
        if line.startswith("case "):
            cases.append(Case(line.removeprefix("case ")))
        elif line and not line.startswith("#"):
            session, sql = ("b", line[2:].strip()) if line.startswith("b>") else ("a", line)
            cases[-1].steps.append(Step(session, sql))
    return cases


def read_differences() -> dict[str, str]:
    lines = (HERE / "differences.txt").read_text().splitlines()
    pairs = [line.split(": ", 1) for line in lines if line and not line.startswith("#")]
    return {pair[0]: pair[1] for pair in pairs}


def in_order(rows: list[list[Any]]) -> list[list[Any]]:
    return sorted(rows, key=lambda row: [(value is None, str(value)) for value in row])


class Pyralog:
    """Sessions of one database, in one process."""

    def __init__(self, folder: Path) -> None:
        program = Path(os.environ["PYRALOG_BUILD_DIR"]) / "tests" / "sessions"
        self._process = subprocess.Popen([program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, session: str, sql: str) -> Outcome:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"session": session, "sql": sql}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            return Outcome(refused=True, message=f"{answer['error']}: {answer['message']}")
        is_query = sql.startswith("SELECT") or " RETURNING " in sql
        return Outcome(rows=in_order(answer["rows"]) if is_query else [])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(WAIT_SECONDS) == 0

    def play(self, case: Case) -> list[Outcome]:
        name = f"case_{case.name}"
        assert not self.run(name, f"CREATE SCHEMA {name}").refused
        for session in sorted(case.sessions):
            assert not self.run(name + session, f"USE {name}").refused
        outcomes: list[Outcome] = []
        failed: set[str] = set()
        for step in case.steps:
            outcome = self.run(name + step.session, step.sql)
            if outcome.refused:
                failed.add(step.session)
            # A transaction of which a statement failed is rolled back by COMMIT.
            if step.sql in ("BEGIN", "COMMIT", "ROLLBACK"):
                if step.sql == "COMMIT" and step.session in failed:
                    outcome.refused = True
                failed.discard(step.session)
            outcomes.append(outcome)
        return outcomes


class Postgres:
    """A server of its own, on a socket in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._as_other: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._as_other = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        self._call("initdb", "-D", "data", "-U", "witness", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB"
        options += " -c default_transaction_isolation='repeatable read'"
        self._call("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self._as_other, str(POSTGRES / program), *arguments]
        done = subprocess.run(
            command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if program == "initdb" else subprocess.DEVNULL,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}"

    def connect(self) -> Any:
        return psycopg.connect(host=str(self._folder), user="witness", dbname="postgres", autocommit=True)

    def close(self) -> None:
        self._call("pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def play(self, case: Case) -> list[Outcome]:
        with self.connect() as control:
            name = f"case_{case.name}"
            control.execute(f"CREATE SCHEMA {name}")
            sessions = {session: PostgresSession(self.connect(), name) for session in sorted(case.sessions)}
            outcomes = [sessions[step.session].start(step.sql, control) for step in case.steps]
            for session in sessions.values():
                session.close()
        return outcomes


class PostgresSession:
    """One connection; a statement that waits for another session's lock goes on in a thread."""

    def __init__(self, connection: Any, schema: str) -> None:
        self._connection = connection
        self._connection.execute(f"SET search_path = {schema}")
        self._thread: threading.Thread | None = None

    def start(self, sql: str, control: Any) -> Outcome:
        self._join()
        outcome = Outcome()
        self._thread = threading.Thread(target=self._run, args=(sql, outcome))
        self._thread.start()
        pid = self._connection.info.backend_pid
        deadline = time.monotonic() + WAIT_SECONDS
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._thread.join(0.01)
            waits = control.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", (pid,)).fetchone()[0]
            if waits:
                break
        return outcome

    def _run(self, sql: str, outcome: Outcome) -> None:
        try:
            cursor = self._connection.execute(sql)
        except psycopg.Error as error:
            outcome.refused = True
            outcome.message = str(error)
            return
        if cursor.description is not None:
            outcome.rows = in_order([list(row) for row in cursor.fetchall()])
        # COMMIT of a transaction that failed says that it was rolled back.
        outcome.refused = sql == "COMMIT" and cursor.statusmessage == "ROLLBACK"

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join(WAIT_SECONDS)
            assert not self._thread.is_alive(), "a statement waits for a lock for good"

    def close(self) -> None:
        self._join()
        self._connection.close()


def why_no_postgres() -> str:
    if not (POSTGRES / "initdb").exists():
        return "PostgreSQL 15 is not installed (./dev setup does it)"
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            return "PostgreSQL does not run as root, and there is no setpriv"
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "PostgreSQL does not run as root, and there is no user postgres"
    return ""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if reason := why_no_postgres():
        pytest.skip(reason)
    # A short path: that of a socket may have about 100 characters.
    with tempfile.TemporaryDirectory(prefix="witness-", dir="/tmp") as folder:
        server = Postgres(Path(folder))
        yield server
        server.close()


@pytest.fixture(scope="module")
def pyralog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pyralog]:
    database = Pyralog(tmp_path_factory.mktemp("witness") / "db")
    yield database
    database.close()


def counts(case: Case, step: Step) -> bool:
    """Whether the statement's outcome is compared: of two sessions, only what is read and what commits."""
    return len(case.sessions) == 1 or step.sql == "COMMIT" or bool(re.match("SELECT", step.sql))


CASES = read_cases()
DIFFERENCES = read_differences()


def test_the_cases_are_as_many_as_ever_and_named_once() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 60
    assert set(DIFFERENCES) <= set(names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_postgres_agrees(case: Case, pyralog: Pyralog, postgres: Postgres) -> None:
    ours = pyralog.play(case)
    theirs = postgres.play(case)
    differences = []
    for step, our, their in zip(case.steps, ours, theirs, strict=True):
        same = our.refused == their.refused and (our.refused or our.rows == their.rows)
        if counts(case, step) and not same:
            differences.append(f"{step.session}> {step.sql}\n  Pyralog: {our.shown()}\n  PostgreSQL: {their.shown()}")
    if case.name in DIFFERENCES:
        assert differences, f"no difference is left; take {case.name} out of differences.txt"
    else:
        assert not differences, "\n".join(differences)
