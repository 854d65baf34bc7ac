"""Benchmarks against peers, and the fuzzer of the framing and event code.

Each benchmark is a module with `run() -> dict`, named in `bench.__main__`.
"""
