"""The two machines: every state, every event, whole calls."""
