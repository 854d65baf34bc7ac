"""The operator's pages in a real browser."""
