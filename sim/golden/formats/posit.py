"""``posit<N>_<es>``: posits with N bits, of which up to ``es`` are exponent bits."""

import math

from .format import Format, make

__all__ = ["posit"]


def posit(name: str, bits: int, es: int) -> Format:
    """Posits; those of the 2022 standard have es = 2. The unit is the smallest positive one.

    Negatives are two's complements of the whole code; 100…0 is NaR.
    """
    half = 1 << (bits - 1)
    smallest = -(bits - 2) << es  # exponent of code 1
    positive = [_operand(code, bits - 1, es, smallest) for code in range(1, half)]
    integers = [0, *positive, 0, *(-value for value in reversed(positive))]
    return make(name, "posit", integers, unit=2.0**smallest, specials={half: math.nan})


def _operand(code, bits, es, smallest):
    """The value of the positive ``code`` of ``bits`` bits without the sign, over 2^smallest."""
    text = f"{code:0{bits}b}"
    run = len(text) - len(text.lstrip(text[0]))
    regime = run - 1 if text[0] == "1" else -run
    low = text[run + 1 :]  # the bit that ends the run is no part of what follows
    exponent = int(low[:es].ljust(es, "0") or "0", 2)  # bits that are cut off are 0
    fraction = low[es:]
    significand = int("1" + fraction, 2)
    return significand << ((regime << es) + exponent - len(fraction) - smallest)
