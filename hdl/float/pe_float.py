"""Processing element (PE) of the weight-stationary array with sums in binary32."""

from dataclasses import asdict

from amaranth.hdl import Module, unsigned
from amaranth.lib.wiring import In, Out

from ..checks import check_integer, check_relation
from ..systolic.pe_ws import stationary_registers
from ..unit import Unit
from .float_decoder import float_format, truncated_width
from .fp_add import FpAdd
from .fp_multiply import FpMultiply
from .layout import FLOATS

__all__ = ["PeFloat"]


class PeFloat(Unit):
    """:class:`PeWs` for floats: an exact product, and a sum that is rounded.

    Operands are binary32 codes without their low fraction bits (:class:`FloatDecoder`). The product
    is exact in binary32, but for a result below the normal numbers, which is zero, and one beyond
    them, which is infinite: see :class:`FpMultiply`. The sum is rounded to nearest even: see
    :class:`FpAdd`. So does Google's TPU v2 with bf16 (Norrie et al., "The Design Process for
    Google's Training Chips: TPUv2 and TPUv3", IEEE Micro 2021).

    An activation leaves to the right after 1 cycle. Its product is in ``psums_o``
    ``pipeline + 3`` cycles after it came, added to what ``psums`` was three cycles before.

    Parameters
    ----------
    a_format, w_format : str
        Small floats of at most 8 exponent bits, and of 1 to 21 fraction bits, together at most 22.
    psum_width : int
        32.
    pipeline : int
        0: the product in the first cycle of the sum. 1: a register after the multiplier. 2: one
        before it too.

    Members
    -------
    acts, acts_o, shift, shift_o, swap, swap_o, weights, weights_o
        Those of :class:`PeWs`, operands in 9 bits and the fraction.
    psums, psums_o : ``In``, ``Out(32)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "PEs"

    def __init__(self, *, a_format, w_format, psum_width, pipeline):
        self.a_format = a = float_format(a_format, "Activation format")
        self.w_format = w = float_format(w_format, "Weight format")
        check_integer("Pipeline register count", pipeline, 0, 2)
        bits = FLOATS["fp32"].bits
        check_relation(psum_width == bits, f"Partial sum width must be {bits}, not {psum_width}")
        FpMultiply(a_mantissa=a.mantissa_bits, w_mantissa=w.mantissa_bits, registered=0)
        ports = {
            "acts": truncated_width(a),
            "shift": 1,
            "swap": 1,
            "weights": truncated_width(w),
            "psums": unsigned(bits),
        }
        super().__init__(
            {name: In(shape) for name, shape in ports.items()}
            | {f"{name}_o": Out(shape) for name, shape in ports.items()}
        )

    def build(self):
        m = Module()
        pipeline = self.parameters["pipeline"]
        acts, weight = stationary_registers(m, self)
        m.submodules.multiply = multiply = FpMultiply(
            a_mantissa=self.a_format.mantissa_bits,
            w_mantissa=self.w_format.mantissa_bits,
            registered=int(pipeline > 0),
        )
        m.submodules.add = add = FpAdd(**asdict(FLOATS["fp32"]))
        m.d.comb += [
            multiply.a.eq(acts if pipeline == 2 else self.acts),
            multiply.w.eq(weight),
            add.a.eq(self.psums),
            add.b.eq(multiply.o),
            self.psums_o.eq(add.o),
        ]
        return m
