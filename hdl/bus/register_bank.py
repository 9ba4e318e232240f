"""The registers of a top in hardware."""

from amaranth.hdl import Cat, Mux, Signal
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from .register_file import RegisterFile
from .registers import ERRORS, register_map

__all__ = ["RegisterBank"]


class RegisterBank(RegisterFile):
    """The registers of :func:`register_map`, with the rules of :class:`RegisterFile`.

    Parameters
    ----------
    streams : str
        Names of the core's streams, separated by commas, the results last.
    address_width, counters
        Those of :func:`register_map`.
    identity : tuple of (str, int)
        Names and values of constant registers.
    tile : tuple of (str, int)
        That of :func:`register_map`.

    Members
    -------
    registers : ``In(register_bus())``
    moves, waits : ``In(streams)``
        A bit for each stream: a word is transferred; the core (of results: the host) waits for one.
    broken : ``In(streams)``
        A packet of the stream was malformed.
    busy, resetting : ``In(1)``
        As ``STATUS`` shows them.
    done : ``In(1)``
        A job has ended.
    failed : ``In(1)``, with ``failed_kind`` and ``failed_stream``
        An error, as ``ERROR`` shows it.
    reset : ``Out(1)``
        ``CONTROL.reset``.
    interrupt : ``Out(1)``
    single : ``Out(1)``, without DMA
        ``MODE.run_packets``.
    start : ``Out(1)``, with DMA
        A job is to begin.
    address, count : ``Out(data.ArrayLayout(address_width or 32, streams))``, with DMA
        Where the words of each stream are, and how many.
    tile, tile_words : ``Out(...)``, with a tile
        The registers ``TILE`` and ``TILE_WORDS``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    def __init__(self, *, streams, address_width, counters, identity, tile=()):
        check_integer("Address width", address_width, 0, 64)
        check_integer("Counter flag", counters, 0, 1)
        self.names = streams.split(",")
        count = len(self.names)
        registers = register_map(
            streams=self.names,
            address_width=address_width,
            counters=counters,
            identity=dict(identity),
            tile=tile,
        )
        ports = {
            "moves": In(count),
            "waits": In(count),
            "broken": In(count),
            "busy": In(1),
            "resetting": In(1),
            "done": In(1),
            "failed": In(1),
            "failed_kind": In(8),
            "failed_stream": In(8),
            "reset": Out(1),
        }
        if address_width:
            ports |= {
                "start": Out(1),
                "address": Out(data.ArrayLayout(address_width, count)),
                "count": Out(data.ArrayLayout(32, count)),
            }
        else:
            ports["single"] = Out(1)
        if tile:
            ports["tile"] = Out(sum(width for _, width in tile))
            ports["tile_words"] = Out(dict(identity)["LIMIT"].bit_length())
        super().__init__(registers, ports)

    def connect(self, m, stored, written, reads):
        clear = written["COMMAND"][0]
        values = {"STATUS": Cat(self.busy, self.resetting)}
        values |= self.count_cycles(m, self.busy, clear, reads)
        values |= self._counters(m, clear)
        values |= self._events(m, written["INTERRUPT"], stored["INTERRUPT_ENABLE"])
        m.d.comb += self.reset.eq(stored["CONTROL"][0])
        if self.parameters["tile"]:
            m.d.comb += [self.tile.eq(stored["TILE"]), self.tile_words.eq(stored["TILE_WORDS"])]
        if self.parameters["address_width"]:
            m.d.comb += self.start.eq(written["COMMAND"][1])
            for index, name in enumerate(self.names):
                low, high = (
                    stored.get(f"ADDRESS_{half}_{name.upper()}") for half in ("LOW", "HIGH")
                )
                m.d.comb += [
                    self.address[index].eq(low if high is None else Cat(low, high)),
                    self.count[index].eq(stored[f"COUNT_{name.upper()}"]),
                ]
        else:
            m.d.comb += self.single.eq(stored["MODE"][0])
        return values

    def _counters(self, m, clear):
        values = {}
        if self.parameters["counters"]:
            for index, name in enumerate(self.names):
                for prefix, counts in (
                    ("WORDS", self.moves[index]),
                    ("WAITS", self.waits[index] & self.busy),
                ):
                    counter = Signal(32, name=f"{prefix.lower()}_{name}")
                    m.d.sync += counter.eq(Mux(clear, 0, counter + counts))
                    values[f"{prefix}_{name.upper()}"] = counter
        return values

    def _events(self, m, cleared, enabled):
        """Interrupts and the first error."""
        fails = Signal()
        error = Signal(16, name="error_now")
        framing, _ = ERRORS["FRAMING"]
        m.d.comb += fails.eq(self.failed | self.broken.any())
        with m.If(self.failed):
            m.d.comb += error.eq(Cat(self.failed_kind, self.failed_stream))
        for index in range(len(self.names)):
            with m.Elif(self.broken[index]):
                m.d.comb += error.eq(framing | index << 8)
        return self.keep_events(m, Cat(self.done, fails), cleared, enabled, {"ERROR": error})
