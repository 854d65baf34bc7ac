"""Where the charging engine is asked: ours as the store is; another one in threads of its own.

Another one may take its time, or hang. It gets a deadline, no turn of the store's is taken
meanwhile, and what is wrong with it is told apart from what is wrong with the store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import gevent
import structlog

from controller.credit.engine import Unavailable
from controller.runtime.offload import Offload

if TYPE_CHECKING:
    from controller.credit.model import Begin, Granted, Refused
    from controller.runtime.services import Services

log: Any = structlog.get_logger("charging")

P = ParamSpec("P")
R = TypeVar("R")

#: So many threads ask another engine.
THREADS: Final = 8
#: How long it is left alone by return calls that could not be made, seconds.
AWAY_SECONDS: Final = 5.0


class _Late(Unavailable):
    """An answer has not come in time."""


class Charges:
    """Asks the charging engine, for the greenlet that calls; it waits."""

    def __init__(self, services: Services) -> None:
        self._services = services
        #: None: the engine is ours.
        self._turns = Offload(THREADS) if services.settings.credit.engine else None
        #: What is wrong with another engine, None while it is well.
        self.fault: str | None = None

    def read(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Ask what changes nothing. Raises `Away`."""
        if self._turns is None:
            return self._services.reads.run(function, *args, **kwargs)
        return self._ask(lambda turns: turns.run(function, *args, **kwargs))

    def write(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Ask once. Raises `Away`."""
        if self._turns is None:
            return self._services.write(function, *args, **kwargs)
        return self._ask(lambda turns: turns.run(function, *args, **kwargs))

    def first(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Ask before all others that wait: somebody on the telephone does. Raises `Away`."""
        if self._turns is None:
            return self._services.write_first(function, *args, **kwargs)
        return self._ask(lambda turns: turns.run_first(function, *args, **kwargs))

    def keep(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Ask until it was done, waiting longer each time: for what must not be lost."""
        if self._turns is None:
            return self._services.keep(function, *args, **kwargs)
        return self._services.insist(
            getattr(function, "__name__", "charging"),
            lambda: self.write(function, *args, **kwargs),
        )

    def begin(self, begin: Begin) -> Granted | Refused:
        """Hold for a return call (M3). Raises `Away`; then nothing is to stay held for it.

        Another engine may do it after all, when nobody waits for that any more and it was asked in
        vain to release it: then it is asked once more, by the thread that has the answer.
        """
        charging = self._services.charging
        if self._turns is None:
            return self.write(charging.begin, begin)
        given_up = threading.Event()

        def hold() -> Granted | Refused:
            try:
                return charging.begin(begin)
            finally:
                if given_up.is_set():
                    charging.release(begin.call, self._services.clock.micros())

        try:
            return self.write(hold)
        except BaseException:
            # Before whoever asked releases it: done by now, it is released by that.
            given_up.set()
            raise

    def not_called(self, call: str, position: int) -> None:
        """Release what is held for a destination that nobody answered; it is asked until done."""
        self.keep(self._services.charging.not_called, call, position)

    def release(self, call: str) -> None:
        """Release what is held for a call that was not made, or may be.

        Another engine is asked once: as long as it is away calls are tried again and again. What
        it holds still is found, and released, by `unsettled`.
        """
        services = self._services
        ask = self.keep if self._turns is None else self.write
        try:
            ask(services.charging.release, call, services.clock.micros())
        except Unavailable:
            services.note_store_fault("release")

    def _ask(self, ask: Callable[[Offload], R]) -> R:
        assert self._turns is not None
        seconds = self._services.settings.credit.engine_seconds
        with gevent.Timeout(seconds, _Late(f"it said nothing for {seconds:g} s")):
            answer = ask(self._turns)
        if self.fault is not None:
            log.info("engine_back")
            self.fault = None
        return answer

    def close(self) -> None:
        """End the threads, and another engine where it can be ended."""
        if self._turns is None:
            return
        self._turns.close()
        end = getattr(self._services.charging, "close", None)
        if end is not None:
            self._services.files.run(end)

    def note_fault(self, what: str, error: Unavailable) -> float:
        """Log that it cannot be asked, once for each time that it is away.

        Gives in how many seconds a return call is tried again that could not be made for it.
        """
        self._services.metrics.faults.labels("credit").inc()
        if self.fault is None:
            log.error("engine_away", what=what, error=str(error))
        # What somebody else's code says may hold numbers and keys, which whoever may look at
        # `/readyz` need not see.
        said = type(error.__cause__ or error).__name__
        said = str(error) if isinstance(error, _Late) else f"{said} (engine_away in the log)"
        self.fault = f"{self._services.settings.credit.engine} failed at {what}: {said}"
        return AWAY_SECONDS
