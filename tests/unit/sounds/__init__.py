"""Sounds: what is taken, what becomes of it, and how it comes to a switch."""
