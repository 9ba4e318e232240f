"""A core that reads its operands from memory and writes its results there."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..unit import Unit
from .axi import axi_lite, axi_memory
from .axi_lite import AxiLite
from .axis_top import COMMON_PORTS, add_clock, connect_control, mark_clock
from .dma import ID_WIDTH, Dma
from .layout import check_data_width
from .shell import Shell
from .transfer_checker import check_memory

__all__ = ["AxiTop"]


class AxiTop(Unit):
    """A core as a peripheral that is handed addresses.

    The registers at ``s_axi_ctrl`` (see :func:`register_map`) say where in memory the words of
    each stream are, and how many; ``COMMAND.start`` runs the job: see :class:`Dma`. Words lie as
    :class:`WordLayout` says, those of a stream one after the other, from an address that is a
    multiple of a beat's bytes. Nothing but the results' own bytes is written.

    With ``walk`` the index of block-sparse weights takes the place of the core's descriptors:
    ``row_ptr`` and ``col_idx``, little-endian words of 32 bits: see :class:`BlockWalker`. Memory
    has the rows of A once, tile by tile along K; each tile begins with a beat. They are read by
    their tile's number in ``col_idx``. The register ``TILE`` has all else that a tile says.

    A soft reset ends the bursts that are on their way; ``STATUS.resetting`` tells how long that
    takes.

    Parameters
    ----------
    core : Engine
    data_width : int
        Width of the bus to memory, one of :data:`DATA_WIDTHS`.
    address_width : int
        Bits of an address, 12 to 64.
    burst, outstanding : int
        Those of :class:`AxiReader`.
    walk : int
        That of :class:`Shell`.
    digest, generator, revision : int
        Values of the registers ``DIGEST``, ``GENERATOR`` and ``REVISION``; 0 for none.

    Members
    -------
    aclk, aresetn : ``In(1)``
        The reset is low while active, and synchronous.
    s_axi_ctrl : ``In(axi_lite())``
    m_axi_mem : ``Out(axi_memory(...))``
    interrupt : ``Out(1)``
        High while an enabled event is pending.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "bus"

    def __init__(
        self,
        *,
        core,
        data_width,
        address_width,
        burst,
        outstanding,
        digest,
        generator=0,
        revision=0,
        walk=0,
    ):
        check_data_width(data_width)
        check_memory(data_width, address_width)
        bus = {"data_width": data_width, "address_width": address_width}
        identity = {"digest": digest, "generator": generator, "revision": revision}
        self.shell = {"core": core, "top": "axi", **identity, **bus, "walk": walk}
        shell = Shell(**self.shell)
        description = shell.description()
        streams = description["streams"]
        self.dma = {
            **bus,
            "layouts": tuple(
                (stream["words_per_beat"], stream["beats_per_word"]) for stream in streams.values()
            ),
            "needed": sum(1 << streams[name]["index"] for name in shell.required_streams),
            "burst": burst,
            "outstanding": outstanding,
        }
        if walk:
            self.dma |= {"rows": streams[core.rows_stream]["index"], "most": core.limit}
        Dma(**self.dma)
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "s_axi_ctrl": In(axi_lite()),
                "m_axi_mem": Out(axi_memory(**bus, id_width=ID_WIDTH)),
                "interrupt": Out(1),
            }
        )
        mark_clock(self, ["s_axi_ctrl", "m_axi_mem"])
        memory = {"interface": "m_axi_mem", "id_width": ID_WIDTH}
        self.bus = description | COMMON_PORTS | {"memory": memory}
        self.bus |= {"address_width": address_width, "burst": burst, "outstanding": outstanding}
        if walk:
            self.bus["walk"] = {"rows": core.rows_stream}

    def build(self):
        m = Module()
        add_clock(m, self)
        m.submodules.shell = shell = Shell(**self.shell)
        m.submodules.control = control = AxiLite()
        m.submodules.dma = dma = Dma(**self.dma)
        connect_control(m, self, control, shell)
        wiring.connect(m, dma.memory, wiring.flipped(self.m_axi_mem))
        for number, name in enumerate(shell.inputs):
            wiring.connect(m, getattr(dma, f"o_{number}"), getattr(shell, name))
        wiring.connect(m, shell.results, dma.i)
        m.d.comb += [
            dma.address.eq(shell.address),
            dma.count.eq(shell.count),
            dma.start.eq(shell.start),
            dma.stop.eq(shell.reset),
            dma.quiet.eq(shell.quiet),
            shell.running.eq(dma.running),
            shell.drained.eq(dma.drained),
            shell.done.eq(dma.done),
            shell.failed.eq(dma.failed),
            shell.failed_kind.eq(dma.failed_kind),
            shell.failed_stream.eq(dma.failed_stream),
        ]
        if self.parameters["walk"]:
            wiring.connect(m, shell.blocks, dma.blocks)
            m.d.comb += [dma.size.eq(shell.size), shell.begin.eq(dma.begin)]
        return m
