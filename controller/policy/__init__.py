"""The settings of an extension, typed, with their bounds and defaults in one place."""
