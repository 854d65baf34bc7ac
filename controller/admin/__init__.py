"""What operators and clients do to the configuration: who may, what is checked, what is kept."""
