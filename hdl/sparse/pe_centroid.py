"""Processing element (PE) for weights that are indices of a few centroids, and outliers."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.exact import signed_width, sum_width
from ..checks import check_integer
from ..unit import Unit, data_register

__all__ = ["PeCentroid", "term_layout"]


def term_layout(act, weight, bins):
    """A term of a dot product: an activation, and its weight or the bin of its weight.

    Parameters
    ----------
    act, weight : Shape
    bins : int
    """
    return data.StructLayout(
        {
            "act": act,
            "bin": (bins - 1).bit_length(),
            "outlier": 1,
            "weight": weight,
            "last": 1,
        }
    )


class PeCentroid(Unit):
    """Dot products with weights of which most are one of ``bins`` centroids.

    An activation is added to the sum of its weight's bin, so the terms of all bins take one
    multiplication each, at the end: result = sum over bins of centroid · sum. The multiplier is
    free before, for outliers: terms that come with a weight of their own. It is the PE of GOBO
    (Zadeh et al., "GOBO: quantizing attention-based NLP models for low latency and energy
    efficient inference", MICRO 2020), in integers: sums, products and results are exact, so their
    order makes no difference.

    Throughput is a term a cycle; a result is offered ``bins + 3`` cycles after its last term was
    accepted, and terms of the next one are accepted once it has left.

    Parameters
    ----------
    a_format, w_format : str
        Integer formats of activations, and of centroids and weights of outliers.
    bins : int
        2 to 16; GOBO's have 8.
    max_k : int
        Most terms of a result, 1 to 2**24.

    Members
    -------
    terms : ``In(stream.Signature(term_layout(...)))``
        ``bin`` counts without ``outlier``, ``weight`` with it; the last term of a result has
        ``last``.
    centroids : ``In(data.ArrayLayout(shape of w_format, bins))``
        They stay while terms with them are on their way.
    results : ``Out(stream.Signature(signed(...)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "PEs"

    def __init__(self, *, a_format, w_format, bins, max_k):
        a = formats.get_integer(a_format, "Activation format")
        w = formats.get_integer(w_format, "Weight format")
        check_integer("Bin count", bins, 2, 16)
        check_integer("Largest K", max_k, 1, 1 << 24)
        self.sum_shape = signed(signed_width(max_k * a.lowest, max_k * a.highest))
        self.product_width = self.sum_shape.width + w.bits
        super().__init__(
            {
                "terms": In(stream.Signature(term_layout(a.shape, w.shape, bins))),
                "centroids": In(data.ArrayLayout(w.shape, bins)),
                "results": Out(stream.Signature(signed(sum_width(a, w, max_k)))),
            }
        )

    def build(self):
        m = Module()
        bins, term = self.parameters["bins"], self.terms.payload
        sums = Array(Signal(self.sum_shape, name=f"sum_{n}") for n in range(bins))
        centroids = Array(self.centroids[n] for n in range(bins))
        number = Signal(range(bins))
        # The factors of the multiplier, its product, and whether they are there.
        factor = data_register(self.sum_shape, name="factor")
        weight = data_register(term.weight.shape(), name="weight")
        product = data_register(signed(self.product_width), name="product")
        begun, multiplied = Signal(), Signal()
        total = Signal.like(self.results.payload)
        m.d.comb += self.results.payload.eq(total)
        m.d.sync += [begun.eq(0), multiplied.eq(begun), product.eq(factor * weight)]
        with m.If(multiplied):
            m.d.sync += total.eq(total + product)
        with m.FSM():
            with m.State("TERMS"):
                m.d.comb += self.terms.ready.eq(1)
                m.d.sync += [
                    factor.eq(term.act),
                    weight.eq(term.weight),
                    begun.eq(self.terms.valid & term.outlier),
                ]
                with m.If(self.terms.valid):
                    for each, value in enumerate(sums):
                        with m.If(~term.outlier & (term.bin == each)):
                            m.d.sync += value.eq(value + term.act)
                    with m.If(term.last):
                        m.next = "BINS"
            # The sums leave, and are 0 for the next result.
            with m.State("BINS"):
                m.d.sync += [
                    factor.eq(sums[number]),
                    weight.eq(centroids[number]),
                    sums[number].eq(0),
                    begun.eq(1),
                    number.eq(Mux(number == bins - 1, 0, number + 1)),
                ]
                with m.If(number == bins - 1):
                    m.next = "RESULT"
            with m.State("RESULT"):
                m.d.comb += self.results.valid.eq(~begun & ~multiplied)
                with m.If(self.results.valid & self.results.ready):
                    m.d.sync += total.eq(0)
                    m.next = "TERMS"
        return m
