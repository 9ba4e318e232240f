"""Depthwise windows: from the fields of an instruction to exact sums."""

from amaranth.hdl import Cat, Module, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit
from .depthwise_mac import SUM_WIDTH, DepthwiseMac
from .depthwise_walk import DepthwiseWalk, check_depthwise, instruction_layout, tap_layout

__all__ = ["Depthwise"]

#: Requests of a port that may be behind those of the others.
_REQUESTS = 4
#: Taps that are on their way.
_TAPS = 16


class Depthwise(Unit):
    """Sums of depthwise windows: of VECTOR's function ``depthwise`` all but the requantization.

    For blocks n < nb and pixels (y, x) of oh x ow it gives R sums of ``tap(i, j) * a(i, j)`` over
    the kernel, in the order n, y, x, exactly. ``a(i, j)`` is word ``a_base + n*a_blk + row*a_row +
    column`` of the buffer with ``row = y*sy + i*dy + iy0`` and ``column = x*sx + j*dx + ix0``, or
    ``a_zero`` in all lanes outside of ih x iw; ``tap(i, j)`` is word ``w_base + n*kh*kw + i*kw +
    j``. Addresses wrap at ``address_width``. Kernels, strides, dilations and bounds are any; where
    a kernel takes several passes, ow is at most ``depth``.

    Throughput is a step a cycle; :class:`DepthwiseWalk` says which steps there are. With ``dw_x``
    and ``dw_y`` of 3, a kernel of 3 x 3 with stride 1 and a column of padding at each side takes
    oh * ow * nb of them, and the next instruction follows as the next block would. A pass begins
    n + 1 cycles after the one before at the earliest, n being the number of its taps, and the sums
    of a pixel in two passes are 3 cycles apart at least.

    By itself that instruction takes oh * ow * nb + 20 cycles, from the one in which it is accepted
    to that in which the last sum is taken, if memory answers after 2 cycles. Memory that answers
    later adds its latency once: a port has up to 4 requests and 4 words in queues, so that ports
    may be as far apart, and 16 taps may be on their way.

    Parameters
    ----------
    lanes : int
        Channels of a word, 1 to 64.
    dw_x, dw_y : int
        Columns and rows of taps that are multiplied in a cycle, 1 to 3.
    depth : int
        Partial sums: most outputs of a row where a kernel takes several passes, 1 to 2048.
    address_width : int
        Width of addresses, 1 to 16.

    Members
    -------
    instruction : ``In(stream.Signature(instruction_layout()))``
    read_<k> : ``Out(stream.Signature(address_width))``, for k < dw_y
        Words of a in the buffer, of which ``data_<k>`` brings the content in the same order.
    data_<k> : ``In(stream.Signature(data.ArrayLayout(signed(8), lanes)))``
    read_taps, data_taps
        Likewise, for words of taps.
    o : ``Out(stream.Signature(data.ArrayLayout(signed(24), lanes)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu vector"

    def __init__(self, *, lanes, dw_x, dw_y, depth, address_width):
        check_integer("Lane count", lanes, 1, 64)
        check_depthwise(dw_x=dw_x, dw_y=dw_y, depth=depth)
        check_integer("Address width", address_width, 1, 16)
        addresses = stream.Signature(address_width)
        words = stream.Signature(data.ArrayLayout(signed(8), lanes))
        ports = {}
        for k in (*range(dw_y), "taps"):
            ports |= {f"read_{k}": Out(addresses), f"data_{k}": In(words)}
        super().__init__(
            {
                "instruction": In(stream.Signature(instruction_layout())),
                **ports,
                "o": Out(stream.Signature(data.ArrayLayout(signed(SUM_WIDTH), lanes))),
            }
        )

    def build(self):
        m = Module()
        params = self.parameters
        window = {name: params[name] for name in ("dw_x", "dw_y", "depth")}
        m.submodules.walk = walk = DepthwiseWalk(**window, address_width=params["address_width"])
        m.submodules.mac = mac = DepthwiseMac(**window, lanes=params["lanes"])
        wiring.connect(m, wiring.flipped(self.instruction), walk.i)
        wiring.connect(m, mac.o, wiring.flipped(self.o))
        self._request(m, walk.steps, mac.steps)
        self._request_taps(m, walk.taps, mac.taps)
        for k in (*range(params["dw_y"]), "taps"):
            wiring.connect(m, wiring.flipped(getattr(self, f"data_{k}")), getattr(mac, f"data_{k}"))
        return m

    def _request(self, m, walked, steps):
        """A step goes on when every port's queue has room for its request."""
        step = walked.payload
        queues = []
        for k in range(self.parameters["dw_y"]):
            queue = Fifo(width=self.parameters["address_width"], depth=_REQUESTS)
            m.submodules[f"requests_{k}"] = queue
            queues.append(queue)
            wiring.connect(m, queue.o, wiring.flipped(getattr(self, f"read_{k}")))
        room = Cat(queue.i.ready for queue in queues).all()
        m.d.comb += [
            steps.valid.eq(walked.valid & room),
            walked.ready.eq(steps.ready & room),
        ]
        m.d.comb += [steps.payload[name].eq(step[name]) for name, _ in steps.payload.shape()]
        for k, queue in enumerate(queues):
            m.d.comb += [
                queue.i.payload.eq(step.addresses[k]),
                queue.i.valid.eq(walked.valid & walked.ready & step.reads[k]),
            ]

    def _request_taps(self, m, walked, taps):
        """Where a tap goes waits in a queue until its word is there."""
        layout = tap_layout(dw_x=self.parameters["dw_x"], dw_y=self.parameters["dw_y"])
        m.submodules.taps_queue = queue = Fifo(width=layout.size, depth=_TAPS)
        m.d.comb += [
            self.read_taps.payload.eq(walked.payload.address),
            self.read_taps.valid.eq(walked.valid & queue.i.ready),
            queue.i.payload.eq(walked.payload.tap),
            queue.i.valid.eq(walked.valid & self.read_taps.ready),
            walked.ready.eq(self.read_taps.ready & queue.i.ready),
        ]
        wiring.connect(m, queue.o, taps)
