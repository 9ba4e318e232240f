"""Modes of fusion: widths and signs of both operands, and what they are in hardware."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..unit import Unit

__all__ = ["CHOICE", "MODE", "WIDTHS", "ModeDecoder", "Spread"]

#: Widths of an operand, in the order of their codes.
WIDTHS = (2, 4, 8)

#: What is chosen: the codes of the widths of activations and weights, and their signs.
CHOICE = data.StructLayout({"a_bits": 2, "w_bits": 2, "a_signed": 1, "w_signed": 1})

#: What every multiplier gets. ``a4`` and ``a8`` say that activations have 4 or more, or 8 bits, so
#: that digits are shifted by 2, and pairs of digits by 4 bits; ``a_tops`` marks the digits that
#: carry the sign of a number. Likewise for weights.
MODE = data.StructLayout({"a4": 1, "a8": 1, "w4": 1, "w8": 1, "a_tops": 4, "w_tops": 4})


class ModeDecoder(Unit):
    """Turns a choice of widths and signs into what multipliers need. It is combinational.

    Members
    -------
    i : ``In(CHOICE)``
        Codes of widths: 0, 1 and 2 are 2, 4 and 8 bits; 3 is 8 bits too.
    o : ``Out(MODE)``
    offset : ``Out(17)``
        What one multiplier's sum is too large: see :class:`FusionUnit`.
    """

    role = "decoders"

    def __init__(self):
        super().__init__({"i": In(CHOICE), "o": Out(MODE), "offset": Out(unsigned(17))})

    def build(self):
        m = Module()
        for side in ("a", "w"):
            bits = self.i[f"{side}_bits"]
            four, eight = Signal(name=f"{side}_four"), bits[1]
            m.d.comb += [
                four.eq(bits != 0),
                self.o[f"{side}4"].eq(four),
                self.o[f"{side}8"].eq(eight),
                # The highest digit is a top digit always, the second in pairs of digits.
                self.o[f"{side}_tops"].eq(
                    Mux(self.i[f"{side}_signed"], Cat(~four, ~eight, ~four, 1), 0)
                ),
            ]
        # The sum over all digits of 2·x + 2·y + 4·(x ≠ y), where x and y say that a digit is a top
        # one, times their weights: of the sums of weights of all digits and of the top ones.
        all_a, top_a = _digit_sums(m, "a", self.i)
        all_w, top_w = _digit_sums(m, "w", self.i)
        m.d.comb += self.offset.eq(6 * (top_a * all_w + all_a * top_w) - 8 * top_a * top_w)
        return m


def _digit_sums(m, side, choice):
    """Sums of the weights of an operand's four digits, and of those that carry a sign."""
    bits = choice[f"{side}_bits"]
    every = Signal(7, name=f"{side}_digits")
    tops = Signal(7, name=f"{side}_top_digits")
    m.d.comb += [
        every.eq(Mux(bits[1], 85, Mux(bits[0], 10, 4))),
        tops.eq(Mux(choice[f"{side}_signed"], Mux(bits[1], 64, Mux(bits[0], 8, 4)), 0)),
    ]
    return every, tops


class Spread(Unit):
    """Takes one step's operand out of a packed word, and spreads it over a multiplier's digits.

    The word of 32 bits has the operands of 1, 2 or 4 steps, the first in the low bits: of one step
    8 bits of products' operands for each column of BitBricks that works by itself, which are as
    many as the *other* operand's width leaves: 1, 2 or 4 where that has 8, 4 or 2 bits. Columns
    that work together get the same. It is combinational.

    Members
    -------
    i : ``In(32)``
    step : ``In(2)``
        0, up to the word's steps less one.
    other_bits : ``In(2)``
        The code of the other operand's width.
    o : ``Out(32)``
        Four bytes, one for each column.
    """

    role = "decoders"

    def __init__(self):
        super().__init__({"i": In(32), "step": In(2), "other_bits": In(2), "o": Out(32)})

    def build(self):
        m = Module()
        half = Signal(16)
        of_one = Signal(8)
        m.d.comb += [
            half.eq(Mux(self.step[0], self.i[16:], self.i[:16])),
            # Steps of a byte number the bytes, and steps of two bytes the halves.
            of_one.eq(
                Mux(
                    self.step[1],
                    Mux(self.step[0], self.i[24:], self.i[16:24]),
                    Mux(self.step[0], self.i[8:16], self.i[:8]),
                )
            ),
        ]
        columns = []
        for column in range(4):
            of_two = half[8:] if column >= 2 else half[:8]
            of_four = self.i[8 * column : 8 * column + 8]
            columns.append(
                Mux(self.other_bits[1], of_one, Mux(self.other_bits[0], of_two, of_four))
            )
        m.d.comb += self.o.eq(Cat(columns))
        return m
