"""The wheel: what is in it, and that it works where only it and pyarrow are installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=dict(os.environ, **environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if Path(os.environ.get("PYRALOG_BUILD_DIR", ROOT / "build/release")) != ROOT / "build/release":
        pytest.skip("the wheel is made of the release build")
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-build-isolation", "--no-index", "--no-deps", "-q", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", *options, "-w", folder, ".")
    (made,) = folder.glob("*.whl")
    return made


def test_what_is_in_it(wheel: Path) -> None:
    assert re.fullmatch(r"pyralog-0\.1\.0-cp311-cp311-linux_x86_64\.whl", wheel.name)
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"pyralog/__init__.py", "pyralog/py.typed", "pyralog/_pyralog.pyi", "pyralog/libduckdb.so"} <= names
    assert "pyralog/bin/pyralog" in names
    assert not [name for name in names if "libarrow" in name or name.endswith((".h", ".cc", ".pyc"))]


def test_it_finds_its_libraries_by_relative_paths(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    for file, expected in {
        next(tmp_path.glob("pyralog/_pyralog*.so")): "$ORIGIN:$ORIGIN/../pyarrow",
        tmp_path / "pyralog/bin/pyralog": "$ORIGIN/..:$ORIGIN/../../pyarrow",
    }.items():
        dynamic = run("readelf", "-d", file)
        assert re.findall(r"R(?:UN)?PATH.*\[(.*)\]", dynamic) == [expected]
        assert "libarrow.so.2600" in dynamic and "libduckdb.so" in dynamic


def test_it_works_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", site, wheel)
    import pyarrow

    # pyarrow beside it, as pip puts it; and somewhere else on the path.
    elsewhere = tmp_path / "elsewhere"
    for folder in (site, elsewhere):
        folder.mkdir(exist_ok=True)
        for installed in Path(pyarrow.__file__).parents[1].glob("pyarrow*"):
            (folder / installed.name).symlink_to(installed)
        program = "import pyralog; print(pyralog.sql('SELECT 6 * 7').fetchall(), pyralog.__file__)"
        path = os.pathsep.join(dict.fromkeys([str(site), str(folder)]))
        out = run(sys.executable, "-S", "-c", program, PYTHONPATH=path)
        assert out.split()[0] == "[(42,)]" and str(site) in out
        out = run(sys.executable, "-S", "-m", "pyralog", "sql", "-c", "SELECT 6 * 7 AS n", PYTHONPATH=path)
        assert out == "n\n42\n"
        if folder == site:
            for installed in site.glob("pyarrow*"):
                installed.unlink()
    script = next((site / "bin").glob("pyralog"))
    assert "pyralog.__main__" in script.read_text()
    shutil.rmtree(site)
