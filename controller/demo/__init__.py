"""Callbacks happening on one machine: a controller, a simulated switch, and what became of each."""
