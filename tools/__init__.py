"""Tools of the project, which no service needs."""
