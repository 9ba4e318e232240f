"""Addresses of nested loops."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..arith.select import one_hot
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register

__all__ = ["AddressGenerator", "loops_layout", "step_layout"]


def loops_layout(*, levels, address_width, count_width, row_width, column_width):
    """Loops for :class:`AddressGenerator`, level 0 innermost.

    ``base``, ``counts`` (iterations of each level less one) and ``steps``; with a ``row_width``
    ``row`` (the first, signed), ``row_steps`` and ``rows`` (rows within bounds, less one), and with
    a ``column_width`` the same for columns.
    """
    members = {
        "base": address_width,
        "counts": data.ArrayLayout(count_width, levels),
        "steps": data.ArrayLayout(address_width, levels),
    }
    for name, width in (("row", row_width), ("column", column_width)):
        if width:
            members |= {
                name: signed(width),
                f"{name}_steps": data.ArrayLayout(width, levels),
                f"{name}s": width - 1,
            }
    return data.StructLayout(members)


def step_layout(*, levels, address_width):
    """An iteration: ``address``, ``inside``, ``first`` and ``last`` (a bit for each level)."""
    return data.StructLayout(
        {"address": address_width, "inside": 1, "first": levels, "last": levels}
    )


class AddressGenerator(Unit):
    """Walks through nested loops: an address for each iteration of the innermost one.

    ``address = base + sum(index[l] * steps[l])`` modulo 2^address_width, where ``index[l]`` counts
    from 0 to ``counts[l]``, that of level 0 fastest. Row and column of an iteration are sums of the
    same form, modulo 2^width, and signed; ``inside`` is asserted when ``0 <= row <= rows`` and
    ``0 <= column <= columns``. A direction without a width has no bounds. ``first[l]`` is asserted
    when the loops 0 to l are all at their first iteration, ``last[l]`` when all are at their last.
    Steps may be negative, as two's complement.

    **Latency** is 2 cycles from loops to their first address. **Throughput** is an address a cycle,
    also from loops to the next ones. ``ready`` of loops does not depend on ``o.ready``, and outputs
    come from registers.

    Parameters
    ----------
    levels : int
        Loops, from 1 on.
    address_width : int
    count_width : int
        Bits of the iterations of a level less one.
    row_width, column_width : int
        Bits of a row and of a column with their sign, at least 2; 0: without bounds.

    Members
    -------
    i : ``In(stream.Signature(loops_layout(...)))``
    o : ``Out(stream.Signature(step_layout(...)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu addresses"
    latency = 2

    def __init__(self, *, levels, address_width, count_width, row_width, column_width):
        check_integer("Number of levels", levels, 1)
        check_integer("Address width", address_width, 1)
        check_integer("Count width", count_width, 1)
        for subject, width in (("Row width", row_width), ("Column width", column_width)):
            if width != 0 or isinstance(width, bool):
                check_integer(f"{subject}, unless 0,", width, 2)
        loops = loops_layout(
            levels=levels,
            address_width=address_width,
            count_width=count_width,
            row_width=row_width,
            column_width=column_width,
        )
        step = step_layout(levels=levels, address_width=address_width)
        super().__init__({"i": In(stream.Signature(loops)), "o": Out(stream.Signature(step))})

    def build(self):
        m = Module()
        levels, width = self.parameters["levels"], self.parameters["address_width"]
        loops = self.i.payload
        step = Signal(step_layout(levels=levels, address_width=width))
        m.submodules.queue = queue = Fifo(width=len(step.as_value()), depth=2)
        active = Signal()
        moves = Signal()
        first = Signal(levels, init=-1)
        last = Signal(levels, init=-1)
        # What the next iteration does: bit l, the loop at level l goes on and those below it begin
        # again; the bit above the levels, other loops begin. They do all the time without loops.
        goes_on = Signal(levels + 1, init=1 << levels)
        begins = goes_on[levels]
        m.d.comb += [
            moves.eq(queue.i.ready | ~active),
            self.i.ready.eq(begins & moves),
            step.first.eq(first),
            step.last.eq(last),
            queue.i.payload.eq(step),
            queue.i.valid.eq(active),
            self.o.payload.eq(queue.o.payload),
            self.o.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.o.ready),
        ]
        ended = Cat(self._ended(m, level, moves, goes_on, last) for level in range(levels))
        last_next = Signal(levels)
        m.d.comb += last_next.eq(
            Mux(begins & ~self.i.valid, -1, Cat(ended[: n + 1].all() for n in range(levels)))
        )
        with m.If(moves):
            m.d.sync += [
                first.eq(last),
                last.eq(last_next),
                goes_on.eq(Cat(1, last_next) & ~Cat(last_next, 0)),
            ]
            with m.If(begins):
                m.d.sync += active.eq(self.i.valid)

        address = self._sum(m, "address", loops.base, loops.steps, moves, goes_on, last)
        m.d.comb += step.address.eq(address)
        inside = Const(1)
        for name in ("row", "column"):
            if not self.parameters[f"{name}_width"]:
                continue
            bound = data_register(len(loops[f"{name}s"]), name=f"{name}s")
            with m.If(moves & begins):
                m.d.sync += bound.eq(loops[f"{name}s"])
            index = self._sum(m, name, loops[name], loops[f"{name}_steps"], moves, goes_on, last)
            # A negative one is above all bounds when its sign is taken for a bit.
            inside &= index <= bound
        m.d.comb += step.inside.eq(inside)
        return m

    def _ended(self, m, level, moves, goes_on, last):
        """Whether the loop at a level is at its last iteration after the next move."""
        width = self.parameters["count_width"]
        begins = goes_on[self.parameters["levels"]]
        count = data_register(width, name=f"count_{level}")
        left = data_register(width, name=f"left_{level}")
        again = Signal(width, name=f"again_{level}")
        ended = Signal(name=f"ended_{level}")
        m.d.comb += [
            again.eq(Mux(begins, self.i.payload.counts[level], count)),
            ended.eq(Mux(last[level], again == 0, left == goes_on[level])),
        ]
        with m.If(moves):
            m.d.sync += [
                count.eq(again),
                left.eq(Mux(last[level], again, left - goes_on[level])),
            ]
        return ended

    def _sum(self, m, name, base, steps, moves, goes_on, last):
        """The sum of a base and the steps of all loops.

        A register for each level holds it with the loops below at their first iterations, so that
        these begin again with the sum of the loop that goes on.
        """
        levels, width = self.parameters["levels"], len(steps[0])
        begins = goes_on[levels]
        kept = [data_register(width, name=f"{name}_{level}") for level in range(levels)]
        kept_steps = [data_register(width, name=f"{name}_step_{n}") for n in range(levels)]
        chosen = Signal(width, name=f"{name}_chosen")
        chosen_step = Signal(width, name=f"{name}_step")
        following = Signal(width, name=f"{name}_next")
        m.d.comb += [
            chosen.eq(one_hot(goes_on, [*kept, base])),
            chosen_step.eq(one_hot(goes_on, kept_steps)),
            following.eq(chosen + chosen_step),
        ]
        for level in range(levels):
            with m.If(moves & (last[level - 1] if level else 1)):
                m.d.sync += kept[level].eq(following)
            with m.If(moves & begins):
                m.d.sync += kept_steps[level].eq(steps[level])
        return kept[0]
