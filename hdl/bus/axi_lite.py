"""Registers behind AXI4-Lite."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from ..unit import Unit, data_register
from .axi import OKAY, SLVERR, axi_lite
from .register_file import ADDRESS_BITS, register_bus

__all__ = ["AxiLite"]


class AxiLite(Unit):
    """A subordinate on AXI4-Lite that asks for one register at a time.

    Address and data of a write may come in any order, and before each other's ready. What the
    registers call an error is answered with SLVERR; ``awprot`` and ``arprot`` make no difference.
    A read and a write that wait both are served in turn. From its last part to its answer an access
    takes 2 cycles more than the registers do; as far apart at least are accesses of one kind.
    All outputs come from registers.

    Members
    -------
    axi : ``In(axi_lite())``
    registers : ``Out(register_bus())``
    """

    role = "bus"

    def __init__(self):
        super().__init__({"axi": In(axi_lite()), "registers": Out(register_bus())})

    def build(self):
        m = Module()
        axi, bus = self.axi, self.registers
        aw_held = Signal()
        w_held = Signal()
        ar_held = Signal()
        aw_address = data_register(ADDRESS_BITS, name="aw_address")
        ar_address = data_register(ADDRESS_BITS, name="ar_address")
        word = data_register(32, name="w_word")
        strobe = data_register(4, name="w_strobe")
        may_write = Signal()
        may_read = Signal()
        asked = Signal()
        writes = data_register(1, name="writes")
        write_response = data_register(2, name="write_response")
        read_response = data_register(2, name="read_response")
        read_data = data_register(32, name="read_data")
        m.d.comb += [
            axi.awready.eq(~aw_held),
            axi.wready.eq(~w_held),
            axi.arready.eq(~ar_held),
            may_write.eq(aw_held & w_held & ~axi.bvalid),
            may_read.eq(ar_held & ~axi.rvalid),
            bus.request.eq((may_write | may_read) & ~asked),
            # The other kind goes next, because this one cannot be back by then.
            bus.write.eq(may_write),
            bus.address.eq(Mux(bus.write, aw_address, ar_address)),
            bus.write_data.eq(word),
            bus.strobe.eq(strobe),
            axi.bresp.eq(write_response),
            axi.rresp.eq(read_response),
            axi.rdata.eq(read_data),
        ]
        for valid, held, register, payload in (
            (axi.awvalid, aw_held, aw_address, axi.awaddr),
            (axi.arvalid, ar_held, ar_address, axi.araddr),
        ):
            with m.If(~held):
                m.d.sync += [held.eq(valid), register.eq(payload)]
        with m.If(~w_held):
            m.d.sync += [w_held.eq(axi.wvalid), word.eq(axi.wdata), strobe.eq(axi.wstrb)]
        with m.If(axi.bvalid & axi.bready):
            m.d.sync += axi.bvalid.eq(0)
        with m.If(axi.rvalid & axi.rready):
            m.d.sync += axi.rvalid.eq(0)
        with m.If(bus.request):
            m.d.sync += [asked.eq(1), writes.eq(bus.write)]
        with m.If(bus.done):
            m.d.sync += asked.eq(0)
            response = Mux(bus.error, SLVERR, OKAY)
            with m.If(writes):
                m.d.sync += [axi.bvalid.eq(1), write_response.eq(response)]
                m.d.sync += [aw_held.eq(0), w_held.eq(0)]
            with m.Else():
                m.d.sync += [axi.rvalid.eq(1), read_response.eq(response)]
                m.d.sync += [read_data.eq(bus.read_data), ar_held.eq(0)]
        return m
