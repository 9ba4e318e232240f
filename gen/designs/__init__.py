"""The designs, one a file: everything that is chosen before hardware exists."""
