"""The commands of ``brickwork``, one a file: its arguments, and the work it does."""
