"""Results of the Python API and the commands, as objects that print as tables."""
