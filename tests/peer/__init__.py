"""Controller and simulated switch joined by real sockets."""
