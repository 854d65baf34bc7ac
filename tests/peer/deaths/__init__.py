"""Calls while something dies, stands still, goes away or is hostile."""
