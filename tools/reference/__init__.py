"""The pages of docs/reference, made of the code: `python -m tools.reference`, `make reference`."""
