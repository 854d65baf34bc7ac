"""O4: a controller that is told to stop ends in time, whatever does not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from controller.app import Controller
from controller.runtime import draining, offload
from controller.runtime.offload import Offload
from controller.settings import Listen, Settings, Web
from controller.store.requests import Requests

PATIENCE = 60.0


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    """A controller that waits less at its end."""
    monkeypatch.setattr(draining, "WRITE_SECONDS", 0.3)
    monkeypatch.setattr(draining, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(offload, "CLOSE_SECONDS", 0.2)
    settings = Settings(
        name="one", data_dir=str(tmp_path), drain_seconds=0.1, listen=Listen(port=0),
        web=Web(port=0),
    )  # fmt: skip
    made = Controller(settings)
    made.start()
    yield made
    made.close()


def end(controller: Controller) -> None:
    """Tell it to stop, and wait for its end."""
    with gevent.Timeout(PATIENCE):
        controller.drain()
        controller.close()


def test_o4_with_nothing_to_do_it_ends(controller: Controller) -> None:
    end(controller)
    assert controller.readiness()["accepting"] == "draining"


def test_o4_what_is_being_written_is_written(controller: Controller) -> None:
    """O4: lines of a transcript wait for more, for a second; at the end they do not."""
    written: list[str] = []
    add = controller.services.transcribing._lines
    keep = add._write

    def noted(lines: object) -> None:
        written.append("lines")
        keep([])

    add._write = noted
    controller.services.transcribing.add("request", "leg", "decided", "done")
    end(controller)
    assert written == ["lines"]


def test_o4_a_store_that_stays_away_keeps_nobody(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O4: what is tried again and again is broken off, and a statement that hangs left alone."""

    def hang(*_: object) -> None:
        time.sleep(5)

    monkeypatch.setattr(Requests, "get", hang)
    services = controller.services
    services.spawn(services.write, services.requests.get, "request")
    services.spawn(services.insist, "write", lambda: gevent.sleep(PATIENCE))
    gevent.sleep(0)
    end(controller)
    assert not services.greenlets


def test_o4_told_twice_it_waits_for_nothing(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "WRITE_SECONDS", 2 * PATIENCE)
    controller.services.spawn(gevent.sleep, 2 * PATIENCE)
    gevent.spawn_later(0.2, controller.draining.hurry)
    end(controller)


def test_a_thread_that_hangs_is_left_to_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offload, "CLOSE_SECONDS", 0.1)
    pool = Offload(1)
    asked = gevent.spawn(pool.run, time.sleep, 3)
    gevent.sleep(0.05)
    pool.close()
    assert not asked.ready()
    asked.kill()
