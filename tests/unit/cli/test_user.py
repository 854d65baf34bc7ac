"""O2: users on the command line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from controller.admin.people import People
from controller.settings import Settings
from controller.store.database import open_database
from controller.store.passwords import LogInPasswords
from tests.hashing import HASHER
from tests.people import PASSWORD

from .running import Run, ok, refused, said, shown, told
from .test_completion import complete


def accept(data: Path, link: str, name: str = "") -> str:
    """Set a password by a link; give the secret of the session."""
    engine = open_database(Settings(data_dir=str(data)).database_url)
    passwords = LogInPasswords(bytes(32), HASHER)
    people = People(engine, passwords=lambda: passwords, now=lambda: time.time_ns() // 1000)
    secret = people.accept(link.rpartition("/")[2], name, PASSWORD, "").secret
    engine.dispose()
    return secret


def test_o2_a_user_is_added_with_a_link_that_is_told_once(stocked: Run, data: Path) -> None:
    printed = ok(stocked("user", "add", "ada", "--role", "admin")).splitlines()
    assert shown("\n".join(printed[:-1]))["password_set"] == "no"
    assert printed[-1].startswith("http://127.0.0.1:8085/welcome/")
    accept(data, printed[-1])
    found = said(stocked("user", "show", "ada", "--json"))
    assert (found["role"], found["client"], found["password_set"]) == ("admin", None, True)
    assert printed[-1].rpartition("/")[2] not in str(found)
    added = said(stocked("user", "add", "rod", "--role", "client", "--client", "main", "--json"))
    assert added["link"].startswith("http://127.0.0.1:8085/welcome/")
    assert [line.split()[0] for line in told(ok(stocked("user", "list")))] == ["name", "ada", "rod"]
    assert [one["name"] for one in said(stocked("user", "list", "--json"))] == ["ada", "rod"]


def test_o2_a_link_says_where_the_pages_are(stocked: Run) -> None:
    ok(stocked("user", "add", "ada", "--role", "admin"))
    for host, port, begins in (
        ("192.0.2.7", "80", "http://192.0.2.7:80/welcome/"),
        ("0.0.0.0", "8085", "http://127.0.0.1:8085/welcome/"),
        ("::1", "8085", "http://[::1]:8085/welcome/"),
    ):
        where = {"CALLBACKD_WEB__HOST": host, "CALLBACKD_WEB__PORT": port}
        assert ok(stocked("user", "link", "ada", **where)).startswith(begins)


def test_o2_without_a_name_a_link_makes_the_first_administrator(stocked: Run, data: Path) -> None:
    link = ok(stocked("user", "link")).strip()
    accept(data, link, "ada")
    refused(stocked("user", "link"), "an administrator can log in already")
    assert said(stocked("user", "link", "ada", "--json"))["link"] != link
    refused(stocked("user", "link", "nobody"), "there is no user nobody")


def test_o2_a_user_is_changed_and_removed(stocked: Run, data: Path) -> None:
    link = ok(stocked("user", "add", "ada", "--role", "admin")).splitlines()[-1]
    accept(data, link)
    ok(stocked("user", "add", "rod", "--role", "read_only"))
    changed = said(stocked("user", "set", "rod", "--role", "client", "--client", "main", "--json"))
    assert (changed["role"], changed["client"], changed["version"]) == ("client", "main", 2)
    changed = said(stocked("user", "set", "rod", "--role", "read_only", "--all-clients", "--json"))
    assert changed["client"] is None
    assert "off" in shown(ok(stocked("user", "set", "rod", "--no-enabled")))["enabled"]
    ok(stocked("user", "set", "rod", "--enabled", "--no-totp", "--log-out"))
    refused(stocked("user", "set", "rod"), "nothing is to be changed")
    assert stocked("user", "set", "rod", "--client", "main", "--all-clients").exit_code == 2
    refused(stocked("user", "set", "ada", "--no-enabled"), "last administrator")
    refused(stocked("user", "remove", "ada", "--yes"), "last administrator")
    refused(stocked("user", "remove", "rod"), "add --yes")
    assert ok(stocked("user", "remove", "rod", "--yes")) == "removed user rod\n"
    refused(stocked("user", "show", "rod"), "there is no user rod")
    lines = said(stocked("audit", "list", "--kind", "user", "--json"))
    assert lines[0]["actor"].startswith("cli:")
    assert lines[0]["action"] == "delete"


def test_o2_who_is_logged_in_is_logged_out_by_a_command(stocked: Run, data: Path) -> None:
    accept(data, ok(stocked("user", "link")).strip(), "ada")
    assert said(stocked("user", "show", "ada", "--json"))["seen"] is not None
    ok(stocked("user", "set", "ada", "--log-out"))
    assert said(stocked("user", "show", "ada", "--json"))["seen"] is None


@pytest.mark.parametrize("name", ["Ada", "", "a b", "../x", "\u202ex", "x" * 65, "-\n"])
def test_g1_a_name_that_is_none_is_refused(stocked: Run, name: str) -> None:
    refused(stocked("user", "add", "--role", "admin", "--", name), "name: ")
    refused(stocked("user", "show", "--", name), "there is no user")


def test_o2_users_are_completed(stocked: Run, data: Path) -> None:
    ok(stocked("user", "add", "ada", "--role", "admin"))
    ok(stocked("user", "add", "rod", "--role", "read_only"))
    assert complete("callbackd user show ", data) == ["ada", "rod"]
    assert complete("callbackd user link r", data) == ["rod"]
    assert complete("callbackd user set rod --role c", data) == ["client"]
    assert complete("callbackd user add r", data) == []
