"""Keeps with a package the commit that it is made of; all else is in setup.cfg."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
#: What `controller.release` reads.
NAME = Path("controller") / "commit.txt"


def commit() -> str:
    """Give the commit: what CALLBACKD_COMMIT says, what the sdist says that this is, or git."""
    if said := os.environ.get("CALLBACKD_COMMIT"):
        return said
    if (HERE / NAME).is_file():
        return (HERE / NAME).read_text("utf-8").strip()
    if not (HERE / ".git").exists():
        return ""
    command = ["git", "-C", str(HERE), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""


def keep(directory: str) -> None:
    """Write it into a tree that becomes a package."""
    if made := commit():
        (Path(directory) / NAME).write_text(made + "\n", "utf-8")


class BuildPy(build_py):
    """Builds what a wheel has."""

    def run(self) -> None:
        """Build; what is installed to be edited is no release, and is left alone."""
        super().run()
        if not self.editable_mode:
            keep(self.build_lib)


class Sdist(sdist):
    """Builds what an sdist has."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Build it."""
        super().make_release_tree(base_dir, files)
        keep(base_dir)


setup(cmdclass={"build_py": BuildPy, "sdist": Sdist})
