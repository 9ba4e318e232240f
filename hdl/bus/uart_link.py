"""The protocol of a serial line between a host and a core."""

from enum import IntEnum

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer, check_relation
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .layout import beat_layout
from .register_file import ADDRESS_BITS, register_bus

__all__ = ["ESCAPE", "MAX_BYTES", "MAX_INPUTS", "PROTOCOL", "Code", "Header", "UartLink"]

#: Input streams, and bytes of one data frame, that a header has room for.
MAX_INPUTS, MAX_BYTES = 4, 32

#: What introduces everything to the host but the bytes of results.
ESCAPE = 0xA5


class Header(IntEnum):
    """First bytes of frames from the host, with zeros where there are fields."""

    READ = 0x10
    WRITE = 0x20
    LAST = 0x30
    BEGIN = 0x40
    DATA = 0x80


class Code(IntEnum):
    """Bytes after :data:`ESCAPE`; ``WRITE`` and ``READ`` are one more if the access is refused."""

    LITERAL = 0
    END = 1
    CREDIT = 2
    LOST = 3
    UNKNOWN = 4
    WRITE = 6
    READ = 8


#: The protocol's constants, for manifests.
PROTOCOL = {
    "escape": ESCAPE,
    "codes": {code.name.lower(): code.value for code in Code},
    "headers": {header.name.lower(): header.value for header in Header},
    "max_bytes": MAX_BYTES,
}


class UartLink(Unit):
    """Frames of bytes to input streams, from the results, and to registers.

    **From the host** come, one right behind the other:

    * ``1ssnnnnn``, then *n* + 1 bytes (1 to 32): for input stream *s*. The bytes of a word are
      those of :func:`word_layout` on a bus of 8 bits, the lowest first; frames need not end where
      words do.
    * ``0x30``: the last byte of the next data frame is the last of its packet.
    * ``0x1a``, ``aa``: read the register at the byte address *aaa*.
    * ``0x2a``, ``aa``, 4 bytes, the lowest first: write it.
    * ``0x40``: credits are counted from the next byte on, and those not yet told of are void.

    **To the host** go the bytes of results, each as soon as the line is free: a word's lowest byte
    first, words of :func:`word_layout` likewise. A byte ``0xA5`` is none of them by itself, but
    followed by one of

    * ``0x00``: a byte ``0xA5`` of results.
    * ``0x01``: the last packet of results has ended with the byte before.
    * ``0x02``: a credit; see below.
    * ``0x03``: a byte was lost, for want of a stop bit or of room. What came before it is still
      done; what comes after it is dropped, because nobody can tell any more what is a header.
    * ``0x04``, then the byte: an unknown header, or one of a stream that there is not. It was
      skipped.
    * ``0x06``: a register was written. ``0x07``: it was not, the access was refused.
    * ``0x08``, 4 bytes, the lowest first: a register was read. ``0x09``, 4 bytes 0: refused.

    Accesses are answered in their order, each before the next byte from the host is looked at.

    **Credits.** Bytes from the host, of all kinds, wait in a queue of ``depth`` bytes. For each
    half of it that was taken out there is a credit; the host counts what it has sent, and never
    has more than ``depth`` bytes out that it has no credit for. Bytes of results may come at any
    time, and the host has to take them.

    **Order.** What is at the head of the queue keeps everything behind it waiting, registers
    included. So each word has to be sent after all that the core needs before it can take it. For
    the engines these are: the word of its tile or its job, the weights of a tile before its
    activations, where the core holds a tile of weights, else each word of weights beside the one
    of activations that it meets; values of channels before the activations of a run's last tile.

    **Break.** A low line for more than two frames resets everything but the receiver: see
    :class:`UartTop`. All of the above begins anew, with a full set of credits. It is how a host
    begins, and ends what went wrong. ``0x40`` is for adapters that pass no break on: it makes a
    host's count right where the last one has ended properly.

    There is no checksum; who doubts the line compares results, or reads back what was written.

    A header takes a cycle, a byte for a stream another one, if the core takes it.

    Parameters
    ----------
    inputs : int
        Streams into the core, 1 to 4.
    depth : int
        Bytes of the queue, a power of two from 32 to 65536.

    Members
    -------
    data, valid, error
        Those of :class:`UartRx`.
    o : ``Out(stream.Signature(8))``
    i_<number> : ``Out(stream.Signature(beat_layout(8)))``
        Each stream into the core.
    results : ``In(stream.Signature(beat_layout(8)))``
    registers : ``Out(register_bus())``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "bus"

    def __init__(self, *, inputs, depth=512):
        check_integer("Stream count", inputs, 1, MAX_INPUTS)
        check_integer("Queue depth", depth, 32, 1 << 16)
        check_relation(depth & (depth - 1) == 0, f"Queue depth must be a power of two, not {depth}")
        beats = stream.Signature(beat_layout(8))
        super().__init__(
            {"data": In(8), "valid": In(1), "error": In(1)}
            | {"o": Out(stream.Signature(unsigned(8)))}
            | {f"i_{number}": Out(beats) for number in range(inputs)}
            | {"results": In(beats), "registers": Out(register_bus())}
        )

    def build(self):
        m = Module()
        byte, taken = self._queue(m)
        # The value of a register: bytes move in at the top and out at the bottom.
        self._value = data_register(32, name="value")
        self._moves = Signal(name="value_moves")
        self._reply = Signal(name="reply")
        self._code = data_register(4, name="reply_code")
        self._idle = Signal(name="sender_idle")
        self._begins = Signal(name="begins")
        credit = self._credits(m, taken)
        self._receive(m, byte)
        self._send(m, credit)
        return m

    def _queue(self, m):
        """The bytes that came; returns them as a stream, and whether one is taken."""
        m.submodules.queue = queue = Fifo(width=8, depth=self.parameters["depth"])
        self._deaf = Signal(name="deaf")
        taken = Signal()
        m.d.comb += [
            queue.i.payload.eq(self.data),
            queue.i.valid.eq(self.valid & ~self._deaf),
            taken.eq(queue.o.valid & queue.o.ready),
        ]
        with m.If(self.error | (self.valid & ~queue.i.ready)):
            m.d.sync += self._deaf.eq(1)
        return queue.o, taken

    def _credits(self, m, taken):
        """Returns the number of credits to be sent, at most 2, and what says that one is."""
        so_far = Signal(range(self.parameters["depth"] // 2))
        owed = Signal(2)
        sent = Signal(name="credit_sent")
        m.d.sync += owed.eq(owed + (taken & so_far.all()) - sent)
        with m.If(taken):
            m.d.sync += so_far.eq(so_far + 1)
        with m.If(self._begins):
            m.d.sync += [so_far.eq(0), owed.eq(0)]
        return owed, sent

    def _receive(self, m, byte):
        """What the host wants."""
        inputs = self.parameters["inputs"]
        bus, value = self.registers, self._value
        address = data_register(ADDRESS_BITS, name="address")
        which = data_register(2, name="which")
        left = data_register(5, name="left")
        last = Signal()
        write = data_register(1, name="write")
        ends = Signal()
        ready = Signal()
        fits = Signal()
        shifts = Signal()
        head = byte.payload
        m.d.comb += [
            ends.eq(left == 0),
            bus.address.eq(address),
            bus.write.eq(write),
            bus.strobe.eq(~0),
            bus.write_data.eq(value),
            fits.eq(head[5:7] < inputs),
        ]
        with m.If(bus.done):
            m.d.sync += value.eq(bus.read_data)
        with m.Elif(shifts | self._moves):
            m.d.sync += value.eq(Cat(value[8:], head))
        for number in range(inputs):
            port = getattr(self, f"i_{number}")
            m.d.comb += [
                port.payload.data.eq(head),
                port.payload.keep.eq(1),
                port.payload.last.eq(last & ends),
            ]
        with m.FSM():
            # The next byte is a header; it and its fields go to registers whatever it is.
            with m.State("HEADER"):
                m.d.comb += [byte.ready.eq(1), shifts.eq(byte.valid)]
                m.d.sync += [
                    which.eq(head[5:7]),
                    left.eq(head[:5]),
                    address[8:].eq(head[:4]),
                    write.eq(head[5]),
                    self._code.eq(Code.UNKNOWN),
                ]
                with m.If(byte.valid):
                    with m.If(head[7] & fits):
                        m.next = "WORDS"
                    with m.Elif((head[4:] == Header.READ >> 4) | (head[4:] == Header.WRITE >> 4)):
                        m.next = "ADDRESS"
                    with m.Elif(head == Header.LAST):
                        m.d.sync += last.eq(1)
                    with m.Elif(head == Header.BEGIN):
                        m.d.comb += self._begins.eq(1)
                    with m.Else():
                        m.d.sync += self._reply.eq(1)
                        m.next = "ANSWER"
            # ``left`` + 1 bytes for stream ``which`` are missing; each waits for the core.
            with m.State("WORDS"):
                for number in range(inputs):
                    port = getattr(self, f"i_{number}")
                    with m.If(which == number):
                        m.d.comb += [port.valid.eq(byte.valid), ready.eq(port.ready)]
                m.d.comb += byte.ready.eq(ready)
                with m.If(byte.valid & ready):
                    m.d.sync += left.eq(left - 1)
                    with m.If(ends):
                        m.d.sync += last.eq(0)
                        m.next = "HEADER"
            # The low byte of a register's address comes.
            with m.State("ADDRESS"):
                m.d.comb += byte.ready.eq(1)
                m.d.sync += [address[:8].eq(head), left.eq(3)]
                with m.If(byte.valid):
                    m.next = "ASK"
                    with m.If(write):
                        m.next = "DATA"
            # ``left`` + 1 bytes to be written are missing; they shift into ``value``.
            with m.State("DATA"):
                m.d.comb += byte.ready.eq(1)
                with m.If(byte.valid):
                    m.d.comb += shifts.eq(1)
                    m.d.sync += left.eq(left - 1)
                    with m.If(ends):
                        m.next = "ASK"
            # Address and data of the access are complete.
            with m.State("ASK"):
                m.d.comb += bus.request.eq(1)
                m.next = "WAIT"
            # The registers answer; ``value`` takes what was read.
            with m.State("WAIT"):
                reply = Mux(write, Code.WRITE, Code.READ)
                m.d.sync += self._code.eq(reply | bus.error)
                with m.If(bus.done):
                    m.d.sync += self._reply.eq(1)
                    m.next = "ANSWER"
            # The sender owns ``value`` until the reply has left.
            with m.State("ANSWER"), m.If(~self._reply & self._idle):
                m.next = "HEADER"

    def _send(self, m, credit):
        """What the host is told; ``value`` belongs to this side while there is a reply to send."""
        owed, credit_sent = credit
        results, value = self.results, self._value
        code = data_register(4, name="code")
        tail = data_register(3, name="tail")  # bytes of the value that follow
        end = Signal()
        told = Signal()
        free = Signal()
        some = Signal()
        byte = Signal(8)
        o = data_register(8, name="o_q")
        m.d.comb += [free.eq(~self.o.valid | self.o.ready), self.o.payload.eq(o)]
        with m.If(free):
            m.d.sync += [self.o.valid.eq(some), o.eq(byte)]
        with m.FSM():
            # Between codes: a byte of results, or the first byte (the escape) of a code. Codes go
            # before results, in this order: end of a packet, reply, credit, lost byte.
            with m.State("RESULTS"):
                m.d.comb += [self._idle.eq(1), byte.eq(ESCAPE), some.eq(1)]
                m.d.sync += tail.eq(0)
                with m.If(free):
                    m.next = "CODE"
                # The end belongs right behind its byte.
                with m.If(end):
                    m.d.sync += [code.eq(Code.END), end.eq(~free)]
                with m.Elif(self._reply):
                    m.d.sync += [code.eq(self._code), self._reply.eq(~free)]
                    with m.If(self._code == Code.UNKNOWN):
                        m.d.sync += tail.eq(1)
                    with m.If(self._code[3]):
                        m.d.sync += tail.eq(4)
                with m.Elif(owed != 0):
                    m.d.sync += code.eq(Code.CREDIT)
                    m.d.comb += credit_sent.eq(free)
                with m.Elif(self._deaf & ~told):
                    m.d.sync += [code.eq(Code.LOST), told.eq(free)]
                with m.Else():
                    m.d.sync += code.eq(Code.LITERAL)
                    m.d.comb += [
                        byte.eq(results.payload.data),
                        some.eq(results.valid & results.payload.keep),
                        results.ready.eq(free),
                    ]
                    with m.If(~some | (results.payload.data != ESCAPE)):
                        m.next = "RESULTS"
                    with m.If(results.valid & free):
                        m.d.sync += end.eq(results.payload.last)
            # The escape has left; ``code`` follows.
            with m.State("CODE"):
                m.d.comb += [byte.eq(code), some.eq(1)]
                with m.If(free):
                    m.next = "RESULTS"
                    with m.If(tail != 0):
                        m.next = "VALUE"
            # ``tail`` bytes of the reply's value are missing.
            with m.State("VALUE"):
                m.d.comb += [byte.eq(value[:8]), some.eq(1), self._moves.eq(free)]
                with m.If(code == Code.UNKNOWN):
                    m.d.comb += byte.eq(value[24:])
                with m.If(free):
                    m.d.sync += tail.eq(tail - 1)
                    with m.If(tail == 1):
                        m.next = "RESULTS"
