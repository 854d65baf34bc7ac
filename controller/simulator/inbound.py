"""The switch's event socket: clients connect, say the password, and command the whole switch."""

from __future__ import annotations

import hmac

from controller.simulator.listener import Disconnected, Listener


class InboundLink(Listener):
    """One client of the event socket."""

    def run(self) -> None:
        """Serve the client until it goes."""
        self.send(b"Content-Type: auth/request\n\n")
        try:
            if self._authenticate():
                while not self._closing:
                    command = self.read()
                    answer = self.common(command)
                    if answer is None:
                        answer = self._own(command.line)
                    if answer:
                        self.reply(answer)
        except Disconnected:
            self.abort()

    def _authenticate(self) -> bool:
        while True:
            word, _, rest = self.read().line.partition(" ")
            if word == "exit":
                self.reply("+OK bye")
                self.goodbye()
                return False
            if word != "auth":
                self.reply("-ERR command not found")
                continue
            if hmac.compare_digest(rest.strip().encode(), self.simulator.password.encode()):
                self.reply("+OK accepted")
                return True
            self.reply("-ERR invalid")
            self.goodbye()
            return False

    def _own(self, line: str) -> str:
        word, _, rest = line.partition(" ")
        if word == "myevents":
            leg = self.simulator.legs.get(rest.split(" ")[0])
            if leg is None:
                return "-ERR invalid uuid"
            self.leg = leg
            self.json = True
            self.subscribe_my_events()
            self.simulator.links.index(self)
            return "+OK Events Enabled"
        if word == "linger":
            return "-ERR not controlling a session"
        return "-ERR command not found"
