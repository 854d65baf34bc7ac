"""The cache, against real servers."""
