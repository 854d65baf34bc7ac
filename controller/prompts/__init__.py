"""What is said, as files and `say`: prompts by name, with a catalogue for each language (S2)."""
