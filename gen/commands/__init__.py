"""The commands, one module each.

A command module has ``SUMMARY`` (one line), ``EXAMPLE`` (a command line), ``arguments(parser)``,
which adds the command's arguments to a parser, and ``main(options)``, which does the work and
returns the exit status. At module level it imports the standard library and light modules only;
whatever takes time (numpy, Amaranth, …) is imported inside functions, so that ``--help`` is quick.
"""

__all__ = ["COMMANDS"]

#: Names of the commands, which are those of their modules, in the order of ``brickwork --help``.
COMMANDS = (
    *("list", "emit", "sim", "lint", "synth", "build", "boards", "run", "host", "pack", "compare"),
    *("formats", "quantize", "sweep", "prune", "demo", "bench", "report", "mutate"),
    *("asm", "disasm", "check", "cache", "doctor"),
)
