"""The buffer of activations: banks of memory between ports that read and ports that write."""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, fifo, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..arith.select import one_hot, selected
from ..checks import check_integer, check_relation
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .ram import Ram

__all__ = ["Buffer", "lane_write_layout", "write_layout"]

#: Requests that a port to read takes ahead of its bank. Ports with requests in step that meet in
#: each bank settle a cycle apart: the last of three then has three that wait, beside the next one.
_REQUESTS = 4

#: Cycles from a request to its word: the queue, the register in front of the memory, the memory,
#: the register behind it, the queue of words.
_LATENCY = 5


def write_layout(*, width, depth, granularity):
    """A write: ``address``, ``data``, ``mask`` (a bit for each group) and ``last``."""
    return data.StructLayout(
        {
            "address": index_shape(depth),
            "data": width,
            "mask": width // granularity,
            "last": 1,
        }
    )


def lane_write_layout(rows):
    """A write of a word of ``rows`` codes of 8 bits, at an address that an instruction can tell."""
    return write_layout(width=8 * rows, depth=1 << 16, granularity=8)


class Buffer(Unit):
    """Memory in ``banks`` that several ports read and several write at once.

    Word ``address`` is in bank ``address`` modulo ``banks``, so neighbouring words are in different
    banks. A bank reads a word and writes a word a cycle. Ports that want the same bank take turns.
    The words of a port come in the order of its requests, and its writes are performed in order.
    ``written_<i>`` is asserted in the cycle after a write with ``last`` was performed: requests
    that are accepted from then on read it. A word that is read while it is written is the old or
    the new one, for each group of bits. There is no reset of the words.

    A port to read takes up to 4 requests ahead of its bank, and a request only if there is room for
    its word, ``latency + reads`` words from the request on. Up to three ports that meet in every
    bank settle to a word a cycle each, a cycle apart, even if their user asks for their words in
    step and takes them in step; any number does if their requests come independently.

    **Latency** is ``latency`` cycles from a request to its word, and one more for each cycle in
    which the bank serves another port. **Throughput** is a word a cycle and port, if no two meet.

    Parameters
    ----------
    width : int
        Bits of a word.
    depth : int
        Words, at least 2 a bank.
    banks : int
        1, 2, 4, 8 or 16.
    reads, writes : int
        Ports.
    granularity : int
        Bits of a word that are written together.

    Members
    -------
    read_<i> : ``In(stream.Signature(index))``
        Addresses of requests.
    data_<i> : ``Out(stream.Signature(width))``
        Their words.
    write_<i> : ``In(stream.Signature(write_layout(...)))``
    written_<i> : ``Out(1)``
    read_waits : ``Out(reads)``
        In the last cycle a request of the port waited for its bank.
    write_waits : ``Out(writes)``
        Likewise.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range, or two do not go together.
    """

    role = "npu memories"
    latency = _LATENCY

    def __init__(self, *, width, depth, banks, reads, writes, granularity):
        check_integer("Word width", width, 1)
        check_integer("Buffer depth", depth, 2)
        check_integer("Number of banks", banks, 1, 16)
        check_integer("Ports to read", reads, 1)
        check_integer("Ports to write", writes, 1)
        check_integer("Granularity", granularity, 1)
        check_relation(
            banks & (banks - 1) == 0, f"Number of banks must be a power of two, not {banks}"
        )
        check_relation(
            depth % banks == 0 and depth >= 2 * banks,
            f"Buffer depth {depth} must be a multiple of the {banks} banks, at least {2 * banks}",
        )
        check_relation(
            width % granularity == 0,
            f"Granularity {granularity} must divide the word width {width}",
        )
        layout = write_layout(width=width, depth=depth, granularity=granularity)
        members = {"read_waits": Out(reads), "write_waits": Out(writes)}
        for port in range(reads):
            members |= {
                f"read_{port}": In(stream.Signature(index_shape(depth))),
                f"data_{port}": Out(stream.Signature(unsigned(width))),
            }
        for port in range(writes):
            members |= {
                f"write_{port}": In(stream.Signature(layout)),
                f"written_{port}": Out(1),
            }
        super().__init__(members)

    def build(self):
        m = Module()
        params = self.parameters
        width, banks = params["width"], params["banks"]
        rams = []
        for bank in range(banks):
            ram = Ram(
                width=width, depth=params["depth"] // banks, granularity=params["granularity"]
            )
            m.submodules[f"bank_{bank}"] = ram
            rams.append(ram)
        self._read(m, rams)
        self._write(m, rams)
        return m

    def _split(self, address):
        """The bank of a word, and its address there."""
        bits = self.parameters["banks"].bit_length() - 1
        return address[:bits], address[bits:]

    def _arbiters(self, m, name, valids, addresses):
        """Grants of each bank to the ports, whose requests are valid: one a bank at most."""
        grants = []
        for bank in range(self.parameters["banks"]):
            requests = Signal(len(valids), name=f"{name}_requests_{bank}")
            granted = Signal(len(valids), name=f"{name}_granted_{bank}")
            m.d.comb += requests.eq(
                Cat(
                    valid & (self._split(address)[0] == bank)
                    for valid, address in zip(valids, addresses, strict=True)
                )
            )
            # Ports behind the one that had its turn last come first.
            behind = Signal(len(valids), name=f"{name}_behind_{bank}")
            early = requests & behind
            m.d.comb += granted.eq(_lowest(Mux(early.any(), early, requests)))
            with m.If(requests.any()):
                m.d.sync += behind.eq(Cat(granted[:n].any() for n in range(len(valids))))
            grants.append(granted)
        return grants

    def _read(self, m, rams):
        reads, width = self.parameters["reads"], self.parameters["width"]
        room = _LATENCY + reads
        queues, words = [], []
        for port in range(reads):
            i, o = getattr(self, f"read_{port}"), getattr(self, f"data_{port}")
            queue = Fifo(width=len(i.payload), depth=_REQUESTS)
            m.submodules[f"requests_{port}"] = queue
            # Read within a cycle, and too wide to waste block RAM on.
            m.submodules[f"words_{port}"] = store = fifo.SyncFIFO(width=width, depth=room)
            owed = Signal(range(room + 1), name=f"owed_{port}")
            free = Signal(name=f"free_{port}")
            m.d.comb += [
                free.eq(owed != room),
                queue.i.payload.eq(i.payload),
                queue.i.valid.eq(i.valid & free),
                i.ready.eq(queue.i.ready & free),
                o.payload.eq(store.r_data),
                o.valid.eq(store.r_rdy),
                store.r_en.eq(o.ready),
            ]
            m.d.sync += owed.eq(owed + (i.valid & i.ready) - (o.valid & o.ready))
            queues.append(queue.o)
            words.append(store)

        addresses = [queue.payload for queue in queues]
        valids = [queue.valid for queue in queues]
        grants = self._arbiters(m, "read", valids, addresses)
        outputs = []
        for bank, (ram, granted) in enumerate(zip(rams, grants, strict=True)):
            # Registers on both sides: banks are large, and far apart.
            word = data_register(width, name=f"word_{bank}")
            address = data_register(len(ram.read_address), name=f"read_address_{bank}")
            enable = data_register(1, name=f"read_enable_{bank}")
            m.d.comb += [ram.read_enable.eq(enable), ram.read_address.eq(address)]
            m.d.sync += [
                enable.eq(granted.any()),
                address.eq(one_hot(granted, [self._split(a)[1] for a in addresses])),
                word.eq(ram.read_data),
            ]
            outputs.append(word)
        for port, (queue, store) in enumerate(zip(queues, words, strict=True)):
            taken = Signal(name=f"taken_{port}")
            waits = Signal(name=f"read_waits_{port}")
            on_way = Signal(3, name=f"on_way_{port}")
            bank = self._split(queue.payload)[0]
            banks = [data_register(len(bank), name=f"bank_{port}_{age}") for age in range(3)]
            m.d.comb += [
                taken.eq(Cat(granted[port] for granted in grants).any()),
                queue.ready.eq(taken),
                store.w_en.eq(on_way[2]),
                store.w_data.eq(selected(Cat(outputs), banks[2], width)),
                self.read_waits[port].eq(waits),
            ]
            m.d.sync += [
                on_way.eq(Cat(taken, on_way[:2])),
                *(later.eq(earlier) for earlier, later in pairwise([bank, *banks])),
                waits.eq(queue.valid & ~taken),
            ]

    def _write(self, m, rams):
        params = self.parameters
        layout = write_layout(
            width=params["width"], depth=params["depth"], granularity=params["granularity"]
        )
        queues, writes = [], []
        for port in range(params["writes"]):
            i = getattr(self, f"write_{port}")
            m.submodules[f"writes_{port}"] = queue = Fifo(width=layout.size, depth=2)
            m.d.comb += [
                queue.i.payload.eq(i.payload),
                queue.i.valid.eq(i.valid),
                i.ready.eq(queue.i.ready),
            ]
            queues.append(queue.o)
            writes.append(data.View(layout, queue.o.payload))
        valids = [queue.valid for queue in queues]
        grants = self._arbiters(m, "write", valids, [write.address for write in writes])
        for bank, (ram, granted) in enumerate(zip(rams, grants, strict=True)):
            address = data_register(len(ram.write_address), name=f"write_address_{bank}")
            word = data_register(params["width"], name=f"write_data_{bank}")
            mask = Signal(len(ram.write_mask), name=f"write_mask_{bank}")
            m.d.comb += [
                ram.write_address.eq(address),
                ram.write_data.eq(word),
                ram.write_mask.eq(mask),
            ]
            m.d.sync += [
                address.eq(one_hot(granted, [self._split(write.address)[1] for write in writes])),
                word.eq(one_hot(granted, [write.data for write in writes])),
                mask.eq(one_hot(granted, [write.mask for write in writes])),
            ]
        for port, (queue, write) in enumerate(zip(queues, writes, strict=True)):
            waits = Signal(name=f"write_waits_{port}")
            granted = Signal(name=f"last_granted_{port}")
            written = Signal(name=f"performed_{port}")
            m.d.comb += [
                queue.ready.eq(Cat(granted[port] for granted in grants).any()),
                getattr(self, f"written_{port}").eq(written),
                self.write_waits[port].eq(waits),
            ]
            m.d.sync += [
                granted.eq(queue.valid & queue.ready & write.last),
                written.eq(granted),
                waits.eq(queue.valid & ~queue.ready),
            ]


def _lowest(flags):
    """The lowest flag alone."""
    return Cat(flag & ~flags[:n].any() for n, flag in enumerate(flags))
