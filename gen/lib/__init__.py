"""Helpers that know nothing of hardware: errors, files, progress, tables, plots."""
