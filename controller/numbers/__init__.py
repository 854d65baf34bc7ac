"""Telephone numbers: from what callers and trunks write to E.164, or a reason why not."""
