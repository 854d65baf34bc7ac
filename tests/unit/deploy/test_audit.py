"""What the audit of the dependencies says, and that everything that runs is pinned."""

from __future__ import annotations

import configparser
import importlib.metadata
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[3]


def tool() -> Any:
    """Load the audit, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("audit", ROOT / "tools" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


audit = tool()


def said(*dependencies: dict[str, Any]) -> str:
    """Give what pip-audit says of some."""
    return json.dumps({"dependencies": dependencies, "fixes": []})


CLEAN = {"name": "flask", "version": "3.1.3", "vulns": []}
BAD = {
    "name": "jinja2",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"], "description": "x"}],
}
UNKNOWN = {"name": "nobody", "skip_reason": "Dependency not found"}


def test_what_is_found_fails_and_is_named() -> None:
    verdict = audit.judge(said(CLEAN, BAD), "Found 1 known vulnerability", 2)
    assert not verdict.well
    assert verdict.lines == [
        "audit: jinja2 1.0: PYSEC-1, fixed in 1.1",
        "audit: 2 of 2 pins looked at, 1 vulnerabilities",
    ]


def test_what_is_accepted_with_a_reason_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "ACCEPTED", {"CVE-1": "we call none of it"})
    assert audit.judge(said(CLEAN, BAD), "", 2).well
    assert all(reason for reason in tool().ACCEPTED.values())


def test_nothing_found_is_well_and_what_was_not_looked_at_is_named() -> None:
    verdict = audit.judge(said(CLEAN, UNKNOWN), "", 2)
    assert verdict.well
    assert verdict.lines == [
        "audit: 1 of 2 pins looked at, 0 vulnerabilities",
        "audit: not known there: nobody",
    ]
    # It says "No known vulnerabilities found" also where it knows none of all packages.
    verdict = audit.judge(said(UNKNOWN, UNKNOWN), "No known vulnerabilities found", 2)
    assert "SKIPPED" in verdict.lines[-1]


@pytest.mark.parametrize(
    "errors",
    [
        "Traceback (most recent call last):\nrequests.exceptions.ConnectionError: "
        "HTTPSConnectionPool: Max retries exceeded",
        "ERROR:pip_audit._cli:Could not connect to OSV's vulnerability feed",
        "pip_audit._service.interface.ServiceError",
    ],
)
def test_a_database_that_cannot_be_reached_fails_nothing_and_is_said(errors: str) -> None:
    verdict = audit.judge("", errors, 2)
    assert verdict.well
    assert "SKIPPED" in verdict.lines[0]


@pytest.mark.parametrize("output", ["", "[]", "{}", "nonsense"])
def test_an_audit_that_did_not_run_is_none(output: str) -> None:
    verdict = audit.judge(output, "No module named pip_audit", 2)
    assert not verdict.well
    assert "No module named pip_audit" in verdict.lines[0]


def pins() -> dict[str, str]:
    """Read the exact versions that everything is set up with."""
    found: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, equal, version = line.partition("==")
            assert equal, f"{line}: is no pin"
            found[canonicalize_name(name)] = version
    return found


def wanted(extra: str) -> list[Requirement]:
    """Give what the package wants, or one of its extras."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    text = setup["options.extras_require"][extra] if extra else setup["options"]["install_requires"]
    lines = (re.sub(r"#.*", "", line).strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line]


def test_all_that_is_installed_for_us_is_pinned_to_what_is_installed() -> None:
    """Whatever our requirements bring with them, however far."""
    known = pins()
    left = [*wanted(""), *wanted("test")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while left:
        requirement = left.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        marker = requirement.marker
        if marker is not None and not marker.evaluate({"extra": ""}):
            continue
        try:
            there = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            pytest.fail(f"{name} is wanted and not installed")
        assert name in known, f"{name} is in no line of constraints.txt"
        assert Version(there.version) == Version(known[name]), name
        for text in there.requires or ():
            inner = Requirement(text)
            if inner.marker is None or any(
                inner.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            ):
                inner.marker = None
                left.append(inner)
    assert len(seen) > 30


def test_what_the_checks_want_is_pinned() -> None:
    known = pins()
    for requirement in (*wanted("lint"), *wanted("types")):
        assert canonicalize_name(requirement.name) in known
