"""The designs, one a file: parameters and choices before hardware exists."""
