"""What carries effects out, in a world that is a model."""
