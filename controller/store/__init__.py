"""The system of record: what must not be lost, in SQL."""
