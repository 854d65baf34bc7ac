"""The documentation: its site is built, and its commands are run."""
