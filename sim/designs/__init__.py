"""The designs as a host sees them, one a file: everything that follows from a manifest."""
