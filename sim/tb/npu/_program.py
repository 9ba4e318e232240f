"""Random instruction words."""

from ...golden.npu.dispatch import used_bits

__all__ = ["HALT", "SYNC", "halt", "legal", "sync"]

HALT, SYNC = 0, 1
#: Fields of MATRIX and of STORE with a single value that is legal, 0.
_SOURCES = {4: 3 << 223, 3: 3 << 12}


def halt(rng):
    """A HALT with anything in its fields."""
    return HALT | rng.getrandbits(8) << 4


def sync(rng):
    """A SYNC of any engine."""
    return SYNC | rng.getrandbits(10) << 4


def legal(rng, functions, opcode=None):
    """An instruction for an engine, with anything in its fields; ``functions`` by their codes.

    Parameters
    ----------
    functions : dict
        Names of the functions of VECTOR to their codes.
    opcode : int or None
        2 to 5; any of them if None.
    """
    opcode = opcode or rng.randrange(2, 6)
    word = rng.getrandbits(256) & ~15 | opcode
    if opcode == 5:
        name = rng.choice(list(functions))
        return (word & ~(31 << 12) | functions[name] << 12) & used_bits(5, name)
    return word & used_bits(opcode) & ~_SOURCES.get(opcode, 0)
