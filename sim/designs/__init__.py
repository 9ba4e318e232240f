"""The host models of the designs, one a file, from the manifest alone."""
