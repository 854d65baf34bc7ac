"""A FreeSWITCH made of recordings and rules: the switch and the phones, over real TCP sockets.

Used by the demonstration, by tests and by load benchmarks; production code never imports it.
It is the second, independent reading of the event socket protocol, held to the recordings in
``tests/replay/traces`` by ``tests/replay/test_simulator_against_recordings.py``.
"""

from controller.simulator.phones import Behaviour, HangUp, JournalEntry, Keys, Phone, TriggerCall
from controller.simulator.switch import Simulator

__all__ = [
    "Behaviour",
    "HangUp",
    "JournalEntry",
    "Keys",
    "Phone",
    "Simulator",
    "TriggerCall",
]
