"""The memory of a bank."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import memory
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer, check_relation
from ..unit import Unit

__all__ = ["Ram"]


class Ram(Unit):
    """A memory with a port to read and a port to write, which holds nothing but the memory.

    So it becomes block RAM on FPGAs, and on a chip a macro may take the place of its module. A
    word that was addressed with ``read_enable`` comes one cycle later, and stays until the next
    one. When a word is read in the cycle in which it is written, the old or the new one comes.
    There is no reset, and words have no first values.

    Parameters
    ----------
    width, depth : int
        Bits of a word, and words, at least 2.
    granularity : int
        Bits of a word that are written together.

    Members
    -------
    read_address : ``In``
    read_enable : ``In(1)``
    read_data : ``Out(width)``
    write_address : ``In``
    write_data : ``In(width)``
    write_mask : ``In(width // granularity)``
        A bit for each group of bits that is written, that of the lowest group first.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu memories"

    def __init__(self, *, width, depth, granularity):
        check_integer("Word width", width, 1)
        check_integer("Memory depth", depth, 2)
        check_integer("Granularity", granularity, 1)
        check_relation(
            width % granularity == 0,
            f"Granularity {granularity} must divide the word width {width}",
        )
        super().__init__(
            {
                "read_address": In(index_shape(depth)),
                "read_enable": In(1),
                "read_data": Out(unsigned(width)),
                "write_address": In(index_shape(depth)),
                "write_data": In(unsigned(width)),
                "write_mask": In(width // granularity),
            }
        )

    def build(self):
        m = Module()
        params = self.parameters
        m.submodules.words = words = memory.Memory(
            shape=unsigned(params["width"]),
            depth=params["depth"],
            init=[],
            # Without it yosys adds a bypass to block RAM that doesn't read what was there before.
            attrs={"no_rw_check": 1},
        )
        read, write = words.read_port(), words.write_port(granularity=params["granularity"])
        m.d.comb += [
            read.addr.eq(self.read_address),
            read.en.eq(self.read_enable),
            self.read_data.eq(read.data),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            write.en.eq(self.write_mask),
        ]
        return m
