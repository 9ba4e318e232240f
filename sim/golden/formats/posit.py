"""``posit<N>_<es>`` and ``gposit<N>_<es>_<rs>``: posits with N bits, up to ``es`` exponent bits."""

import math

from .format import Format, make

__all__ = ["gposit", "posit"]


def posit(name: str, bits: int, es: int) -> Format:
    """Posits; those of the 2022 standard have es = 2. The unit is the smallest positive one.

    Negatives are two's complements of the whole code; 100…0 is NaR.
    """
    return gposit(name, bits, es, bits - 1)


def gposit(name: str, bits: int, es: int, longest: int) -> Format:
    """Generalized posits (ALPS, CVPR Workshops 2021): a regime has at most ``longest`` bits.

    A run of so many bits has no bit that ends it. The unit is the last place of the smallest
    numbers. The exponent bias of a layer is a scale that is a power of two.
    """
    half = 1 << (bits - 1)
    fraction = max(0, bits - 1 - longest - es)  # behind the longest run
    smallest = (-min(longest, bits - 2) << es) - fraction
    positive = [_operand(code, bits - 1, es, longest, smallest) for code in range(1, half)]
    integers = [0, *positive, 0, *(-value for value in reversed(positive))]
    return make(name, "posit", integers, unit=2.0**smallest, specials={half: math.nan})


def _operand(code, bits, es, longest, smallest):
    """The value of the positive ``code`` of ``bits`` bits without the sign, over 2^smallest."""
    text = f"{code:0{bits}b}"
    run = min(len(text) - len(text.lstrip(text[0])), longest)
    regime = run - 1 if text[0] == "1" else -run
    low = text[run + (run < longest) :]  # the bit that ends the run is no part of what follows
    exponent = int(low[:es].ljust(es, "0") or "0", 2)  # bits that are cut off are 0
    fraction = low[es:]
    significand = int("1" + fraction, 2)
    return significand << ((regime << es) + exponent - len(fraction) - smallest)
