"""Products of operands with exponents."""

from amaranth.hdl import Cat, Const, Mux, Signal, signed

from ..unit import data_register
from .exact import signed_width

__all__ = ["multiply"]


def multiply(m, a, a_format, w, w_format, *, registered, suffix=""):
    """The exact product of two operands, with a register after the multiplier if wanted.

    Terms multiply each with each: ``(ma * mw) << (ea + ew)``. The register holds small products
    and sums of exponents, and the shift follows: shifted products are far wider. Integers have
    neither exponents nor shifts.

    Parameters
    ----------
    a, w : Value
        Of the shapes of the formats' operands.
    a_format, w_format : Format
    registered : bool
    suffix : str
        End of the names of signals, for a unit with several products.

    Returns
    -------
    Value
        As wide as any product of these formats needs.
    """
    lowest, highest = _product_range(a_format, w_format)
    width = signed_width(lowest, highest)
    a_parts, w_parts = a_format.operand.parts(a), w_format.operand.parts(w)
    single = len(a_parts) == len(w_parts) == 1
    total = None
    for i, (a_term, a_mantissa, a_exponent) in enumerate(a_parts):
        for j, (w_term, w_mantissa, w_exponent) in enumerate(w_parts):
            end = suffix if single else f"{suffix}_{i}_{j}"
            product = a_mantissa * w_mantissa
            exponents = [e for e in (a_exponent, w_exponent) if e is not None]
            exponent = sum(exponents[1:], *exponents[:1]) if exponents else None
            if registered:
                shape = signed(signed_width(*_product_range(a_term, w_term)))
                product = _register(m, shape, f"product{end}", product)
                if exponent is not None:
                    exponent = _register(m, exponent.shape(), f"exponent{end}", exponent)
            if exponent is not None:
                product = _shifted(m, product, exponent, width, f"shifted{end}")
            total = product if total is None else total + product
    return total


def _product_range(a, w):
    corners = [x * y for x in (a.lowest, a.highest) for y in (w.lowest, w.highest)]
    return min(corners), max(corners)


def _register(m, shape, name, value):
    register = data_register(shape, name=name)
    m.d.sync += register.eq(value)
    return register


def _shifted(m, value, amount, width, name):
    """``value << amount`` in ``width`` bits, by one power of two after the other."""
    value = value if value.shape().signed else Cat(value, Const(0, 1)).as_signed()
    for position, bit in enumerate(amount):
        wider = min(len(value) + (1 << position), width)
        shifted = Signal(signed(wider), name=f"{name}_{1 << position}")
        m.d.comb += shifted.eq(Mux(bit, value << (1 << position), value))
        value = shifted
    return value
