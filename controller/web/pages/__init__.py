"""The operator's pages: what the API can do, in a browser (SPEC O2, O3)."""
