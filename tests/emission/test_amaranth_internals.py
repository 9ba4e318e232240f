"""Each assumption that emission makes about Amaranth's internals; one that fails names its remedy.

A failure after an update of Amaranth is to be mended in ``gen/emission/amaranth_internals.py``.
"""

import gc
import re
import warnings

from amaranth.back import rtlil
from amaranth.hdl import (
    ClockSignal,
    Elaboratable,
    Fragment,
    Instance,
    Module,
    ResetSignal,
    Signal,
    UnusedElaboratable,
    signed,
)
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from brickwork.gen.emission import amaranth_internals as internals
from brickwork.hdl.unit import Unit, data_register


class Inner(Elaboratable):
    """A component of a library, which is no unit."""

    def __init__(self):
        self.i, self.o = Signal(4), Signal(4)

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.o.eq(self.i + 1)
        return m


class Outer(Unit):
    """A unit with a component, structured ports and a register for data."""

    def __init__(self):
        pair = data.StructLayout({"low": 4, "high": signed(3)})
        super().__init__({"x": In(pair), "y": Out(pair), "z": Out(4)})

    def build(self):
        m = Module()
        m.submodules.inner = inner = Inner()
        m.d.comb += [inner.i.eq(self.x.low), self.z.eq(inner.o), self.y.high.eq(self.x.high)]
        held = data_register(4, "held")
        m.d.sync += held.eq(self.x.low)
        m.d.comb += self.y.low.eq(held)
        return m


class Wires(Unit):
    """A unit without registers."""

    def __init__(self):
        super().__init__({"i": In(4), "o": Out(4)})

    def build(self):
        m = Module()
        m.d.comb += self.o.eq(~self.i)
        return m


def written(unit=None, **ports):
    """RTLIL that Amaranth writes of a unit, without any change."""
    unit = unit or Outer()
    fragment = Fragment.get(unit.build(), None)
    text, _ = rtlil.convert_fragment(
        fragment, internals._ports(unit) | ports, "top", emit_src=False
    )
    return text


def test_fragments_are_converted_to_text():
    """``convert_fragment`` takes a fragment and named ports; its result begins with the text."""
    assert re.search(r"^module \\top$", written(), re.MULTILINE), (
        "rtlil.convert_fragment no longer takes (fragment, ports, name, emit_src=)"
    )


def test_ports_are_declared_on_a_line_each():
    """``wire width N input K \\name``, with the signals' own names."""
    names = [name for _, name in internals._PORT.findall(written().partition("\nend\n")[0])]
    assert {"clk", "rst", "x", "y", "z"} <= {*names}, (
        "ports in RTLIL are declared in another form than _PORT has"
    )
    assert len(names) == len(set(names))


def test_ports_are_numbered_with_the_clock_first():
    text, clocks = internals.convert_module(Outer(), "top", None)
    top = text[text.index("module \\top\n") :]
    numbers = {name: int(number) for number, name in re.findall(r"put (\d+) \\(\w+)$", top, re.M)}
    assert numbers == {"clk": 1, "rst": 2, "x": 3, "y": 4, "z": 5}
    assert clocks == {"clk", "rst"}


def test_a_module_without_registers_has_no_clock():
    """Amaranth adds the ports of clock domains that are used, and no others."""
    text, clocks = internals.convert_module(Wires(), "wires", None)
    assert clocks == set(), "Amaranth makes ports of clock domains that are not used"
    assert not re.search(r"\\(clk|rst)\b", text)


def test_fields_of_structures_are_wires_of_their_own():
    """Each is a line, and only they have a dot or bracket in their name."""
    lines = [line for line in written().splitlines() if re.search(r"\\\w+[.\[]", line)]
    fields = [line for line in lines if "\\top.inner" not in line]
    assert any(r"\x.low" in line for line in fields), "fields of signals have no wires any more"
    kept = internals._FIELD.sub("", "".join(f"{line}\n" for line in fields))
    assert kept == "", f"wires of fields are declared in another form than _FIELD has: {kept}"


def test_components_of_libraries_become_modules_with_dots():
    """``\\top.inner``, which Verilog could only have as an escaped name."""
    assert "module \\top.inner\n" in written(), "components are named in another way than by a dot"
    text, _ = internals.convert_module(Outer(), "top", None)
    assert "module \\top_inner\n" in text
    assert re.search(r"cell \\top_inner ", text)
    assert "\\top.inner" not in text


class Instances:
    """A platform that makes an instance of each unit."""

    def instantiate(self, unit):
        ports = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        return Instance("wires", **ports, i_i=unit.i, o_o=unit.o)


class Chain(Unit):
    """Two units, one behind the other."""

    def __init__(self):
        super().__init__({"i": In(4), "o": Out(4)})

    def build(self):
        m = Module()
        m.submodules.first = first = Wires()
        m.submodules.second = second = Wires()
        m.d.comb += [first.i.eq(self.i), second.i.eq(first.o), self.o.eq(second.o)]
        return m


def test_the_platform_reaches_every_component():
    """``Fragment.get`` passes it to ``elaborate``, and an instance stays an instance."""
    fragment = Fragment.get(Chain().build(), Instances())
    children = [(name, type(child)) for child, name, _ in fragment.subfragments]
    assert children == [("first", Instance), ("second", Instance)], (
        "Fragment.subfragments holds something else than (fragment, name, location)"
    )


def test_ports_of_instances_are_signals_that_can_be_named():
    """``Instance.ports`` maps a port to its signal and direction; its name is used in RTLIL."""
    fragment = Fragment.get(Chain().build(), Instances())
    (instance, *_), *_ = fragment.subfragments
    assert {*instance.ports} == {"clk", "rst", "i", "o"}
    assert [type(value) for name, (value, _) in instance.ports.items() if name in "io"] == [
        Signal,
        Signal,
    ], "Instance.ports holds something else than (signal, direction)"
    text, _ = internals.convert_module(Chain(), "chain", Instances())
    for name in ("first_o", "second_i"):
        assert re.search(rf"^ *wire width 4 \\{name}$", text, re.MULTILINE), (
            "signals are named in RTLIL in another way than by Signal.name"
        )


def test_attributes():
    """Amaranth gives those that emission removes, and passes ours on."""
    text, _ = internals.convert_module(Outer(), "top", None)
    names = {*re.findall(r"attribute \\(\S+)", rtlil.convert(Outer()) + text)}
    assert names <= {*internals.ATTRIBUTES, "init", "brickwork_data"}, (
        "Amaranth has attributes that would appear in Verilog: add them to ATTRIBUTES"
    )
    held = re.search(r"((?: *attribute .*\n)+) *wire width 4 \\held\n", text)
    assert held, "registers are wires with attributes no more"
    assert "attribute \\brickwork_data" in held[1]
    assert "attribute \\init 4'0000" in held[1], "power-up values are no attribute init any more"


class Remembers(Unit):
    """A memory."""

    def __init__(self):
        super().__init__({"address": In(3), "o": Out(4)})

    def build(self):
        m = Module()
        m.submodules.memory = memory = Memory(shape=4, depth=8, init=[])
        port = memory.read_port()
        m.d.comb += [port.addr.eq(self.address), self.o.eq(port.data)]
        return m


def test_contents_of_memories_are_cells():
    """The clean-up deletes these cells: nothing reads a memory before it is written."""
    text, _ = internals.convert_module(Remembers(), "remembers", None)
    assert "cell $meminit_v2 " in text, "memories get their contents by other cells"


def test_units_that_are_not_elaborated_give_no_warning():
    """``_MustUse__silence`` of units; of other components Amaranth says that they are unused."""

    class Unused(wiring.Component):
        def __init__(self):
            super().__init__({"i": In(1)})

    def warned(cls):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UnusedElaboratable)
            cls()
            gc.collect()
        return [warning.category for warning in caught]

    assert warned(Unused) == [UnusedElaboratable]
    assert warned(Wires) == [], "another attribute than _MustUse__silence keeps units quiet"


def test_amaranths_own_conversion():
    """``rtlil.convert`` takes the same ports."""
    text = internals.convert_hierarchy(Outer(), "top")
    assert re.search(r"^module \\top$", text, re.MULTILINE)
    assert re.search(r"input \d+ +\\x$", text, re.MULTILINE)
