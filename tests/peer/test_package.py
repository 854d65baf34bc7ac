"""O1: the sdist and the wheel have all that they need, and say which commit they are of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from controller import __version__

ROOT = Path(__file__).parents[2]
COMMIT = "1a2b3c4d5e6f"


def build(source: Path, into: Path, kind: str, **environment: str) -> Path:
    """Build a package out of a directory."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "-o", str(into)]
    done = subprocess.run(
        [*command, str(source)], env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (one for one in into.iterdir() if (one.suffix == ".whl") == (kind == "wheel"))
    return made


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this project, unpacked: where nothing else of it is."""
    place = tmp_path_factory.mktemp("sdist")
    made = build(ROOT, place, "sdist", CALLBACKD_COMMIT=COMMIT)
    assert made.name == f"callbackd-{__version__}.tar.gz"
    with tarfile.open(made) as archive:
        archive.extractall(place, filter="data")
    return place / f"callbackd-{__version__}"


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built of the sdist."""
    return build(unpacked, tmp_path_factory.mktemp("wheel"), "wheel")


def test_o1_the_sdist_has_its_tests_and_all_that_they_look_at(unpacked: Path) -> None:
    for name in (
        "Makefile", "tox.ini", "constraints.txt", "CHANGELOG.md", "deploy/Dockerfile",
        "deploy/compose/compose.yaml", "docs/runbooks.md", "fs-config/callback_vars.xml",
        "mkdocs.yml", "docs/index.md", "tests/conftest.py", "tests/replay", "bench/__main__.py",
        "tools/audit.py",
    ):  # fmt: skip
        assert (unpacked / name).exists(), name
    assert not list(unpacked.rglob("*.pyc"))
    assert not (unpacked / "deploy" / "compose" / "secrets").exists()


def test_o1_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = ROOT / "controller"
    ours = {
        str(file.relative_to(ROOT))
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix not in (".po", ".pot")
    }
    assert ours - names == set()
    share = f"callbackd-{__version__}.data/data/share/callbackd/"
    configured = {
        share + str(file.relative_to(ROOT))
        for file in (ROOT / "fs-config").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert configured - names == set()


def own(place: Path) -> str:
    """Give where an environment has its packages."""
    return sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)})


def test_o1_what_is_installed_runs_by_itself_and_says_what_it_is(
    wheel: Path, tmp_path: Path
) -> None:
    """O1: far from the project's directory, with what it needs and nothing else."""
    place = tmp_path / "installed"
    venv.create(place, symlinks=True)
    python = str(place / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        # What it needs is here already; what is in its own environment comes first.
        "PYTHONPATH": os.pathsep.join((own(place), sysconfig.get_path("purelib"))),
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [str(place / "bin" / "callbackd"), *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert run("--version") == f"callbackd, version {__version__} ({COMMIT})\n"
    said = json.loads(run("demo", "--calls", "2", "--rate", "4", "--json"))
    assert (said["as_scripted"], said["ledger_exact"], said["faults"]) == (2, True, [])
