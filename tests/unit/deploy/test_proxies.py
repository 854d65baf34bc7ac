"""The examples of reverse proxies: TLS, who asks, and no figures for the world."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.sounds.model import MOST_BYTES as MOST_SOUND
from controller.web.api.files import MOST_CSV_BYTES
from controller.web.api.reading import MOST_BYTES
from controller.web.health import OWN
from controller.web.serving import SILENT_SECONDS

DEPLOY = Path(__file__).parents[3] / "deploy"
LARGEST = max(MOST_BYTES, MOST_SOUND, MOST_CSV_BYTES)


def directives(text: str) -> list[list[str]]:
    """Give the directives of nginx's configuration, flat: their words."""
    text = re.sub(r"#.*", "", text)
    words = re.findall(r'"[^"]*"|[^\s;{}"]+|[;{}]', text)
    found: list[list[str]] = [[]]
    for word in words:
        if word in ";{}":
            found.append([])
        else:
            found[-1].append(word.strip('"'))
    return [one for one in found if one]


def test_nginx_has_tls_and_tells_who_asks() -> None:
    found = directives((DEPLOY / "nginx.conf").read_text(encoding="utf-8"))
    by_name: dict[str, list[list[str]]] = {}
    for name, *values in found:
        by_name.setdefault(name, []).append(values)
    assert by_name["ssl_protocols"] == [["TLSv1.2", "TLSv1.3"]]
    (hsts,) = by_name["add_header"]
    assert hsts[0] == "Strict-Transport-Security"
    assert int(hsts[1].removeprefix("max-age=")) >= 31_536_000
    assert hsts[2] == "always"
    headers = {values[0]: values[1] for values in by_name["proxy_set_header"]}
    # What a client said of itself is replaced, not added to.
    assert headers["X-Forwarded-For"] == "$remote_addr"
    assert headers["Forwarded"] == ""
    assert set(map(tuple, by_name["server_tokens"])) == {("off",)}
    # Without TLS nothing is passed on.
    assert by_name["return"][0] == ["308", "https://$host$request_uri"]
    assert headers["X-Forwarded-Proto"] == "$scheme"
    # What is for programs of this network; all else goes on.
    own = [["=", path] for path in sorted(OWN)]
    assert sorted(by_name["location"]) == [["/"], *own]
    assert by_name["return"][1:] == [["404"]] * len(own)
    (size,) = by_name["client_max_body_size"][0]
    assert LARGEST <= int(size.removesuffix("m")) << 20 <= 2 * LARGEST
    # A connection is given up before its other end does, or a request would be lost in between.
    upstream = by_name["keepalive_timeout"][0]
    assert int(upstream[0].removesuffix("s")) < SILENT_SECONDS
    for limit in ("limit_req", "limit_conn", "client_header_timeout", "client_body_timeout"):
        assert limit in by_name


def test_caddy_has_tls_and_tells_who_asks() -> None:
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    assert "protocols tls1.2 tls1.3" in text
    assert "header_up X-Forwarded-For {remote_host}" in text
    assert "header_up -Forwarded" in text
    assert 'Strict-Transport-Security "max-age=63072000"' in text
    (size,) = re.findall(r"max_size ([0-9]+)MB", text)
    assert LARGEST <= int(size) * 1_000_000 <= 2 * LARGEST
    assert "header_up X-Forwarded-Proto {scheme}" in text
    assert re.findall(r"handle (\S+) \{\s+(\S+)", text) == [("@own", "respond")]
    (own,) = re.findall(r"@own path (.+)", text)
    assert set(own.split()) == OWN
    (seconds,) = re.findall(r"keepalive ([0-9]+)s", text)
    assert int(seconds) < SILENT_SECONDS


def test_caddy_takes_its_example(tmp_path: Path) -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("no caddy here")
    command = [caddy, "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=home)
    assert done.returncode == 0, done.stderr
