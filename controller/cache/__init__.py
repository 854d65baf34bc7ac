"""Policies in Redis and in the process: copies only, each true as of a count of the store's."""
