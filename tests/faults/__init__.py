"""The fault laboratory: everything as processes of their own, faults at random, and what must hold.

`make faults` runs it; docs/faults.md says what is done, what holds, and what is known to be lost.
"""
