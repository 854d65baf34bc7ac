"""The peer of `triggers`: a bare greenswitch script that rings X seconds and refuses, no more."""

from __future__ import annotations

import sys

import gevent

from bench.greenswitch_script import Script, serve


class Refuse(Script):
    """One call: wait, then hang up."""

    def run(self) -> None:
        """Ring X seconds, then refuse."""
        gevent.sleep(float(sys.argv[2]))
        self.session.hangup("USER_BUSY")


if __name__ == "__main__":
    serve(int(sys.argv[1]), Refuse)
