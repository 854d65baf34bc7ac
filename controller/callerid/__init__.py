"""Which CallerID is shown, and why."""
