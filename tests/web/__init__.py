"""The API: its rules, hostile requests, and who sees what."""
