"""Number of ones among products of one bit."""

from functools import reduce
from operator import xor

from amaranth.hdl import Cat, Signal

__all__ = ["COUNTS", "popcount"]

#: What counts the ones: see :func:`popcount`.
COUNTS = ("compressors", "adders")


def popcount(m, acts, weights, code, count):
    """The number of ones among products, a Value of ``bit_length(len(acts))`` bits.

    Parameters
    ----------
    m : Module
        Gets the signals that it takes.
    acts, weights : Value
        Operands, as many on both sides.
    code : str
        ``"bin"`` for products that are 1 if both operands are the same, ``"bit"`` for those that
        are 1 if both are 1.
    count : str
        ``"compressors"``: full adders that leave no carry to ripple, the smallest in gates.
        ``"adders"``: three products at a time in two functions of their six operands, each a LUT of
        six inputs, and a tree of adders on carry chains.
    """
    if count == "compressors":
        return _compressed(m, list(_products(acts, weights, code)))
    counts = []
    for at in range(0, len(acts), 3):
        operands = acts[at : at + 3], weights[at : at + 3]
        counts.append((_up_to_three(*operands, code), len(operands[0])))
    level = 0
    while len(counts) > 1:
        level += 1
        pairs = zip(counts[::2], counts[1::2], strict=False)
        odd = counts[len(counts) - len(counts) % 2 :]
        counts = []
        for number, ((low, most), (high, more)) in enumerate(pairs):
            # A carry chain of its own: yosys makes compressors of a tree, which take more LUTs.
            total = Signal(range(most + more + 1), name=f"count_{level}_{number}")
            total.attrs["keep"] = 1
            m.d.comb += total.eq(low + high)
            counts.append((total, most + more))
        counts += odd
    return counts[0][0]


def _products(acts, weights, code):
    return ~(acts ^ weights) if code == "bin" else acts & weights


def _compressed(m, bits):
    """The number of ones among bits: of three with the same weight, a sum and a carry remain."""
    total = []
    while bits:
        carries = []
        while len(bits) > 1:
            name = f"{len(total)}_{len(carries)}"
            three, bits = bits[:3], bits[3:]
            half, low, high = (Signal(name=f"{each}_{name}") for each in ("half", "sum", "carry"))
            m.d.comb += half.eq(three[0] ^ three[1])
            third = three[2] if len(three) == 3 else 0
            m.d.comb += [low.eq(half ^ third), high.eq((three[0] & three[1]) | (half & third))]
            bits.append(low)
            carries.append(high)
        total += bits
        bits = carries
    return Cat(total)


def _up_to_three(acts, weights, code):
    """The number of ones among up to three products."""
    products = list(_products(acts, weights, code))
    parity = reduce(xor, products)
    if code == "bin":
        # From the operands, not the products: ABC would make LUTs of these, for both functions.
        parity = reduce(xor, acts) ^ reduce(xor, weights)
        parity = ~parity if len(products) % 2 else parity
    if len(products) == 1:
        return Cat(products)
    if len(products) == 2:
        return Cat(parity, products[0] & products[1])
    first, second, third = products
    return Cat(parity, (first & second) | ((first | second) & third))
