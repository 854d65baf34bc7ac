"""A peer of `call`: the same callbacks as `call_peer`, with Genesis (asyncio, on uvloop).

It runs by itself, with the Python that Genesis is installed for (`bench/peers.txt`): what Genesis
needs of redis and rich is older than what the service does. Its own way to be told of everything,
`event plain all` behind a filter, is not simulated; `myevents` brings the same.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final

from genesis import Inbound, Outbound, Session, use_uvloop

EVENT_SOCKET_PASSWORD: Final = "ClueCon"
ENTER_PASSWORD: Final = "ivr/ivr-please_enter_pin_followed_by_pound.wav"
ENTER_NUMBER: Final = "ivr/ivr-enter_destination_telephone_number.wav"
GOODBYE: Final = "voicemail/vm-goodbye.wav"


class Callbacks:
    """All legs: trigger calls, and the return calls that follow from them."""

    def __init__(self, switch: Any, ring_seconds: float, password: str) -> None:  # noqa: ANN401
        self._switch = switch
        self._ring_seconds, self._password = ring_seconds, password

    async def handle(self, session: Session) -> None:
        """Refuse the one; converse on the other."""
        await session.send("myevents")
        await session.send("linger")
        session.is_lingering = True
        if session.context["variable_callback_leg"] == "trigger":
            await self._refuse(session)
        else:
            await self._converse(session)

    async def _refuse(self, session: Session) -> None:
        caller = session.context["Caller-Caller-ID-Number"].removeprefix("+")
        await asyncio.sleep(self._ring_seconds)
        await session.channel.hangup("USER_BUSY")
        await self._switch.send(
            "bgapi originate {callback_leg=return,ignore_early_media=true,originate_timeout=30,"
            f"origination_caller_id_number=12025550111}}sofia/gateway/pstn/{caller}"
            " return_call XML callback"
        )

    async def _converse(self, session: Session) -> None:
        if await self._ask(session, ENTER_PASSWORD, 20) == self._password:
            number = await self._ask(session, ENTER_NUMBER, 24)
            await session.sendmsg(
                "execute",
                "bridge",
                "{origination_caller_id_number=12025550111,ignore_early_media=true}"
                f"sofia/gateway/pstn/1{number}",
                block=True,
            )
        await session.channel.playback(GOODBYE)
        await session.channel.hangup()

    @staticmethod
    async def _ask(session: Session, prompt: str, most: int) -> str | None:
        event = await session.channel.play_and_get_digits(
            tries=1,
            timeout=10000,
            terminators="#",
            file=prompt,
            minimal=1,
            maximum=most,
            regexp="[0-9*]+",
            var_name="callback_digits",
            invalid_file="silence_stream://10",
            digit_timeout=4000,
        )
        digits: str | None = event.get("variable_callback_digits")
        return digits


async def serve(port: int, switch_port: int, ring_seconds: float, password: str) -> None:
    """Serve until ended."""
    async with Inbound("127.0.0.1", switch_port, EVENT_SOCKET_PASSWORD) as switch:
        callbacks = Callbacks(switch, ring_seconds, password)
        await Outbound(callbacks.handle, "127.0.0.1", port, events=False, linger=False).start()


if __name__ == "__main__":
    use_uvloop()
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
