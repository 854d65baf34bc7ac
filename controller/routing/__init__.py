"""By which channels a call goes out, in which order, and why."""
