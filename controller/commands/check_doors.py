"""What `callbackd check` says of our own doors: who can reach them, and who can read our files."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from controller.commands.findings import Finding
from controller.settings import Settings
from controller.settings.addresses import is_this_machine
from controller.settings.sections import networks

#: A network of more addresses than that is more than somebody's switches.
_MANY: Final = 1 << 16
#: What others than the owner and the group may do with a file.
_OTHERS: Final = stat.S_IRWXO


def doors(settings: Settings) -> Iterator[Finding]:
    """Say who can reach what has neither TLS nor a password of its own."""
    listen, web = settings.listen, settings.web
    if not is_this_machine(listen.host):
        yield _warning(
            f"listen.host: {listen.host} is not this machine alone, and what comes there is "
            "neither encrypted nor asked for a password",
            "see that it is an address of a private network, and that a firewall lets in the "
            "switches only",
        )
    for network in settings.networks:
        if network.num_addresses > _MANY and not network.is_loopback:
            yield _warning(
                f"listen.allow: {network} is more than your switches",
                "name the switches' own addresses: whoever connects from an allowed one may say "
                "that a call came",
            )
    if not is_this_machine(web.host) and not web.proxies:
        yield _warning(
            f"web.host: {web.host} is not this machine alone, and tokens are sent there in plain "
            "text",
            "listen on 127.0.0.1 behind a proxy that has TLS (deploy/nginx.conf), or name the "
            "proxy in web.proxies",
        )
    for field, texts in (("web.proxies", web.proxies), ("web.metrics_allow", web.metrics_allow)):
        if any(network.prefixlen == 0 for network in networks(texts)):
            yield _warning(
                f"{field}: names everybody",
                "name the addresses of your own machines: whoever is in it "
                + (
                    "may say that he asks for anybody else"
                    if field == "web.proxies"
                    else "can read how many calls there are, and what is wrong"
                ),
            )


def _warning(text: str, remedy: str) -> Finding:
    return Finding(subject="doors", well=True, text=text, remedy=remedy)


def files(settings: Settings, config: str | None) -> Iterator[Finding]:
    """Say which files that hold secrets others on this machine can read."""
    directory = Path(settings.data_dir)
    kept = [(directory, "chmod 700")]
    # Who cannot enter the directory can read nothing in it.
    if _others(directory):
        kept += [(path, "chmod 600") for path in (settings.pepper_path, settings.sqlite_path)]
    if config is not None:
        kept.append((Path(config), "chmod 640, its group that of the service"))
    for path, remedy in kept:
        if _others(path):
            yield Finding(
                subject="files",
                well=True,
                text=f"{path} is open to everybody on this machine, and passwords may be in it",
                remedy=remedy,
            )


def _others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False
