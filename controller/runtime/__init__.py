"""Carries out what the machines decide: greenlets, deadlines, threads, the dispatcher."""
