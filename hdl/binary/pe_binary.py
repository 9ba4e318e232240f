"""Processing element (PE) of one-bit products."""

from functools import reduce
from operator import xor

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib.wiring import In, Out

from ..checks import check_choice, check_integer, check_relation
from ..systolic.pe_ws import stationary_registers
from ..unit import Unit, data_register

__all__ = ["COUNTS", "FORMATS", "PeBinary"]

#: Operands -1 and 1, as 0 and 1; operands 0 and 1.
FORMATS = ("bin", "bit")
#: What counts the ones: see :class:`PeBinary`.
COUNTS = ("compressors", "adders")


class PeBinary(Unit):
    """Counts the ones among ``pack`` one-bit products, and adds the count to the sums.

    A product is XNOR of the operands for ``bin``, where 1 stands for +1 and 0 for -1, and AND for
    ``bit``. Of n products of ``bin`` operands the sum is 2 · count - n; n is the engine's business.
    Registers, flags and latencies are those of :class:`PeWs`; sums have no sign.

    XNOR and popcount in the place of a multiplier: Rastegari et al., "XNOR-Net", ECCV 2016,
    section 3.2; AND and popcount: Umuroglu et al., "BISMO", FPL 2018, section III.

    Parameters
    ----------
    a_format, w_format : str
        ``"bin"`` or ``"bit"``, the same for both.
    psum_width : int
        Width of the partial sums; beyond it they wrap.
    pipeline : int
        0: count and sum in one cycle. 1: a register after the count. 2: one before the products
        too.
    pack : int
        Products of a cycle, 2 to 256.
    count : str
        ``"compressors"``: full adders that leave no carry to ripple, the smallest in gates.
        ``"adders"``: three products at a time in two functions of their six operands, each a LUT of
        six inputs, and a tree of adders on carry chains, the fewest LUTs.

    Members
    -------
    acts, acts_o, weights, weights_o : ``In``, ``Out(pack)``
    shift, shift_o, swap, swap_o : ``In``, ``Out(1)``
    psums, psums_o : ``In``, ``Out(signed(psum_width))``
        Bits of a sum without a sign.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or a sum narrower than a count.
    """

    role = "PEs"

    def __init__(self, *, a_format, w_format, psum_width, pipeline, pack, count):
        check_choice("Activation format", a_format, FORMATS)
        check_choice("Weight format", w_format, FORMATS)
        check_relation(
            a_format == w_format,
            f"Weight format must be {a_format}, that of activations, not {w_format}",
        )
        check_integer("Pipeline register count", pipeline, 0, 2)
        check_integer("Product count", pack, 2, 256)
        check_choice("Count", count, COUNTS)
        check_integer("Partial sum width", psum_width, 2)
        check_relation(
            psum_width >= pack.bit_length(),
            f"Partial sum width {psum_width} is less than the {pack.bit_length()} bits of a count "
            f"of {pack}",
        )
        ports = {"acts": pack, "shift": 1, "swap": 1, "weights": pack}
        ports["psums"] = signed(psum_width)
        super().__init__(
            {name: In(shape) for name, shape in ports.items()}
            | {f"{name}_o": Out(shape) for name, shape in ports.items()}
        )

    def build(self):
        m = Module()
        params = self.parameters
        acts, weight = stationary_registers(m, self)
        psum = data_register(self.psums.shape(), name="psum")
        if params["pipeline"] < 2:
            acts = self.acts
        count = _popcount(m, acts, weight, params["a_format"], params["count"])
        if params["pipeline"] > 0:
            count_q = data_register(len(count), name="count")
            m.d.sync += count_q.eq(count)
            count = count_q
        m.d.sync += psum.eq(self.psums + count)
        m.d.comb += self.psums_o.eq(psum)
        return m


def _popcount(m, acts, weights, code, count):
    """The number of ones among products, of ``bit_length(len(acts))`` bits."""
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
