"""Addresses at which the runs of LOAD and STORE begin."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .isa import layout

__all__ = ["RunAddresses", "move_layout", "runs_layout", "start_layout"]

_COUNT_WIDTH = layout("load")["n1"].width


def move_layout(opcode):
    """An instruction word of LOAD or STORE: its fields, without gaps, then ``reserved``."""
    fields = layout(opcode)
    members = {name: fields[name].shape for name, _ in fields}
    used = data.StructLayout(members).size
    return data.StructLayout(members | {"reserved": fields.size - used})


def runs_layout(address_width, step_width, tag_width):
    """All runs of an instruction; ``n1`` and ``n2`` are counts less one."""
    members = {
        "base": address_width,
        "n1": _COUNT_WIDTH,
        "n2": _COUNT_WIDTH,
        "step1": step_width,
        "step2": step_width,
    }
    return data.StructLayout(members | ({"tag": tag_width} if tag_width else {}))


def start_layout(address_width, tag_width):
    """Where a run begins, and whether it is the instruction's last."""
    members = {"address": address_width, "last": 1}
    return data.StructLayout(members | ({"tag": tag_width} if tag_width else {}))


class RunAddresses(Unit):
    """Two nested loops: run (j, i) begins at ``base + j*step2 + i*step1``, i innermost.

    Addresses are modulo 2^address_width; they follow from sums alone, so DRAM addresses of 64 bits
    need no multiplier. ``tag`` goes with every run of its instruction.

    The first run is offered 2 cycles after the instruction was taken into an empty queue of at
    most 4, 3 cycles for a longer queue. Throughput is one run a cycle, also from an instruction to
    the next.

    Parameters
    ----------
    address_width, step_width : int
    tag_width : int
        0 for no tag.
    queue : int
        Instructions that wait, at least 2.

    Members
    -------
    i : ``In(stream.Signature(runs_layout(...)))``
    o : ``Out(stream.Signature(start_layout(...)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu addresses"

    def __init__(self, *, address_width, step_width, tag_width, queue):
        check_integer("Address width", address_width, 1, 64)
        check_integer("Step width", step_width, 1, 64)
        check_integer("Tag width", tag_width, 0)
        check_integer("Queue depth", queue, 2)
        super().__init__(
            {
                "i": In(stream.Signature(runs_layout(address_width, step_width, tag_width))),
                "o": Out(stream.Signature(start_layout(address_width, tag_width))),
            }
        )

    def build(self):
        m = Module()
        params = self.parameters
        shape = self.i.payload.shape()
        m.submodules.queue = queue = Fifo(width=shape.size, depth=params["queue"])
        job = data.View(shape, queue.o.payload)
        start = self.o.payload
        steps = data_register(2 * params["step_width"], name="steps")
        step1, step2 = steps[: params["step_width"]], steps[params["step_width"] :]
        address = data_register(params["address_width"], name="address")
        group = data_register(params["address_width"], name="group")
        runs = data_register(_COUNT_WIDTH, name="runs")  # of a group, less one
        runs_left = data_register(_COUNT_WIDTH, name="runs_left")
        groups_left = data_register(_COUNT_WIDTH, name="groups_left")
        next_group = Signal(params["address_width"])
        group_ends = Signal()
        last = Signal()
        m.d.comb += [
            queue.i.payload.eq(self.i.payload),
            queue.i.valid.eq(self.i.valid),
            self.i.ready.eq(queue.i.ready),
            queue.o.ready.eq(~self.o.valid | (self.o.ready & last)),
            start.address.eq(address),
            last.eq(group_ends & (groups_left == 0)),
            start.last.eq(last),
            group_ends.eq(runs_left == 0),
            next_group.eq(group + step2),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [
                address.eq(Mux(group_ends, next_group, address + step1)),
                runs_left.eq(Mux(group_ends, runs, runs_left - 1)),
            ]
            with m.If(group_ends):
                m.d.sync += [group.eq(next_group), groups_left.eq(groups_left - 1)]
        with m.If(queue.o.ready):
            m.d.sync += [
                self.o.valid.eq(queue.o.valid),
                address.eq(job.base),
                group.eq(job.base),
                runs.eq(job.n1),
                runs_left.eq(job.n1),
                groups_left.eq(job.n2),
                steps.eq(job.as_value()[shape["step1"].offset :][: len(steps)]),
            ]
        if params["tag_width"]:
            tag = data_register(params["tag_width"], name="tag")
            m.d.comb += start.tag.eq(tag)
            with m.If(queue.o.ready):
                m.d.sync += tag.eq(job.tag)
        return m
