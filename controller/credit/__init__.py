"""What calls cost and how long a credit lasts (SPEC M): pure, and in integers."""
