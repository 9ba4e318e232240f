"""Processing element (PE) of the output-stationary array with sums in binary32."""

from dataclasses import asdict

from amaranth.hdl import Cat, Module, Mux, unsigned
from amaranth.lib.wiring import In, Out

from ..checks import check_integer, check_relation
from ..unit import Unit, data_register
from .float_decoder import float_format, truncated_width
from .fp_add import FpAdd
from .fp_multiply import FpMultiply
from .layout import FLOATS

__all__ = ["PeOsFloat"]


class PeOsFloat(Unit):
    """:class:`PeOs` for floats: three sums that are rounded to binary32 at each addition.

    The sums take turns in the three registers of an adder, so that an addition a cycle needs no
    forwarding within the adder: c-slow, in the term of Leiserson and Saxe, "Optimizing Synchronous
    Systems", Journal of VLSI and Computer Systems 1983. A sum is at the adder in every third cycle.
    Products are those of :class:`FpMultiply`, sums those of :class:`FpAdd`.

    A weight stays for as many cycles as it takes three activations to meet it. ``load`` takes it
    from above, together with the first of the activations when ``pipeline`` is 2, and a cycle ahead
    of it otherwise (the array's border delays the activations accordingly). The PE below loads it
    three cycles later, which is how much later its activations come.

    ``first``, ``idle`` and ``done`` are due when a product is at the adder. ``first`` makes the sum
    whose turn it is begin anew at +0. ``idle`` adds -0 instead of the product, which changes no
    sum. ``done`` puts the sum out as it is before the addition; otherwise the output is zero.
    Activations and flags leave to the right after 1 cycle. The first product of a weight is at the
    adder ``adder_delay(pipeline)`` cycles after ``load``, and in the sum 3 cycles later.

    Parameters
    ----------
    a_format, w_format : str
        Small floats of at most 8 exponent bits and together at most 22 fraction bits.
    acc_width : int
        32.
    overflow : str
        ``"wrap"``: sums beyond the largest number are infinite.
    pipeline : int
        0: the product in the first cycle of the sum. 1: a register after the multiplier. 2: one
        before it too.

    Members
    -------
    acts, acts_o, weights, weights_o : ``In``, ``Out``
        9 bits and the fraction: see :class:`FloatDecoder`.
    first, first_o, done, done_o, idle, idle_o, load, load_o : ``In``, ``Out(1)``
    sums : ``Out(32)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "PEs"
    flags = ("first", "done", "idle", "load")
    #: Sums that take turns.
    sums_per_pe = FpAdd.latency

    def __init__(self, *, a_format, w_format, acc_width, overflow, pipeline):
        self.a_format = a = float_format(a_format, "Activation format")
        self.w_format = w = float_format(w_format, "Weight format")
        check_integer("Pipeline register count", pipeline, 0, 2)
        check_relation(overflow == "wrap", f"Overflow must be 'wrap', not {overflow!r}")
        bits = FLOATS["fp32"].bits
        check_relation(acc_width == bits, f"Accumulator width must be {bits}, not {acc_width}")
        FpMultiply(a_mantissa=a.mantissa_bits, w_mantissa=w.mantissa_bits, registered=0)
        ports = {"acts": truncated_width(a), "weights": truncated_width(w)}
        ports |= dict.fromkeys(self.flags, 1)
        super().__init__(
            {name: In(shape) for name, shape in ports.items()}
            | {f"{name}_o": Out(shape) for name, shape in ports.items()}
            | {"sums": Out(unsigned(bits))}
        )

    @staticmethod
    def adder_delay(pipeline):
        """Cycles from a weight's ``load`` until its first product is at the adder."""
        return (1, 2, 2)[pipeline]

    def build(self):
        m = Module()
        pipeline = self.parameters["pipeline"]
        acts = data_register(self.acts.shape(), name="acts_q")
        weight = data_register(self.weights.shape(), name="weight")
        m.d.sync += acts.eq(self.acts)
        m.d.comb += [self.acts_o.eq(acts), self.weights_o.eq(weight)]
        with m.If(self.load):
            m.d.sync += weight.eq(self.weights)
        # Flags that a reset leaves on their way are ahead of those of the next tile.
        for name in self.flags:
            flag = data_register(1, name=f"{name}_q")
            m.d.sync += flag.eq(getattr(self, name))
            m.d.comb += getattr(self, f"{name}_o").eq(flag)

        m.submodules.multiply = multiply = FpMultiply(
            a_mantissa=self.a_format.mantissa_bits,
            w_mantissa=self.w_format.mantissa_bits,
            registered=int(pipeline > 0),
        )
        m.submodules.add = add = FpAdd(**asdict(FLOATS["fp32"]))
        product = multiply.o
        m.d.comb += [
            multiply.a.eq(acts if pipeline == 2 else self.acts),
            multiply.w.eq(weight),
            add.a.eq(Mux(self.first, 0, add.o)),
            add.b.eq(Cat(Mux(self.idle, 0, product[:-1]), product[-1] | self.idle)),
            self.sums.eq(Mux(self.done, add.o, 0)),
        ]
        return m
