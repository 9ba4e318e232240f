"""Code that is not the generator's: digests, cached Verilog, and modules of equal names."""

import operator
from dataclasses import dataclass
from typing import ClassVar

import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import In, Out
from brickwork import GemmOs, GemmWs
from brickwork.gen.designs.wrappers import Axi, Axis, Uart
from brickwork.gen.emission import revision
from brickwork.gen.emission.emit import emit, emit_unit
from brickwork.gen.emission.own_code import own_code
from brickwork.hdl.array import grid
from brickwork.hdl.bus import registers
from brickwork.hdl.formats import power_of_two
from brickwork.hdl.systolic import mesh_os, pe_os, pe_ws
from brickwork.hdl.systolic.gemm_os import GemmOs as Engine
from brickwork.hdl.unit import Unit, unit_name
from brickwork.sim.manifest import Manifest
from integration import CORES

SMALL = GemmOs(rows=2, cols=2, a_format="pot4")


class PeHalved(pe_os.PeOs):
    """Halves every product."""

    def product(self, m, acts, weights):
        return super().product(m, acts, weights) >> 1


def halved(self, m, acts, weights):
    return pe_os.multiply(m, acts, self.a_format, weights, self.w_format, registered=True) >> 1


@pytest.mark.parametrize("core", CORES.values(), ids=CORES)
@pytest.mark.parametrize("wrapper", [None, Axi, Axis, Uart])
def test_stock_designs_have_none(core, wrapper):
    design = core if wrapper is None else wrapper(core=core)
    assert design.own_code == own_code(design.unit()) == ""


#: Attributes of ``brickwork.hdl``, and what takes their place.
REPLACED = {
    "method": (pe_os.PeOs, "product", halved),
    "method of another unit": (pe_os.PeOs, "build", pe_ws.PeWs.build),
    "property": (Unit, "name", property(lambda self: "mine")),
    "attribute of a class": (pe_os.PeOs, "role", "mine"),
    "function in a module": (pe_os, "multiply", lambda *values, **options: 0),
    "class in a module": (mesh_os, "PeOs", PeHalved),
    "stock class in the place of another": (mesh_os, "PeOs", pe_ws.PeWs),
    "PEs of an engine": (Engine, "pe", PeHalved),
    "number": (grid, "RADIX", 2),
    "default of a function": (pe_os.PeOs.__init__, "__kwdefaults__", {"pipeline": 1}),
    "code of a function": (pe_os.PeOs.product, "__code__", halved.__code__),
    "addition": (pe_os.PeOs, "mine", 1),
}


@pytest.mark.parametrize("name", REPLACED)
def test_replaced_attribute(monkeypatch, name):
    before = SMALL.digest
    owner, attribute, value = REPLACED[name]
    with monkeypatch.context() as patch:
        patch.setattr(owner, attribute, value, raising=False)
        codes = [SMALL.own_code, Axi(core=SMALL).own_code, GemmWs().own_code]
        assert codes[0]
        assert len(set(codes)) == 1
        assert SMALL.digest != before
    assert (SMALL.own_code, SMALL.digest) == ("", before)


STEP = 1


@dataclass(frozen=True, kw_only=True)
class Stepped(GemmOs):
    """A design that makes a stock engine with a number of its own."""

    NAME: ClassVar[str] = "stepped"

    @classmethod
    def engines(cls):
        return {"exact": lambda **parameters: Engine(**parameters | {"max_k": 8 * STEP})}


def test_function_that_makes_the_unit(monkeypatch):
    before = Stepped().digest
    assert Stepped().own_code
    monkeypatch.setitem(globals(), "STEP", 2)
    assert Stepped().digest != before


def test_replaced_entries_of_tables(monkeypatch):
    for table, key, value in (
        (power_of_two._TERMS, 3, [(0, 1)]),
        (registers.TOPS, "axi", 7),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(table, key, value)
            assert SMALL.own_code
        assert SMALL.own_code == ""


def test_warm_cache(tmp_path, monkeypatch):
    """A replaced method makes another Verilog, and leaves the stock design's cache entry alone."""
    texts, digests, revisions = [], [], []

    def emitted():
        emission = emit(SMALL, tmp_path)
        texts.append(emission.verilog.read_text())
        digests.append(emission.digest)
        revisions.append(Manifest.read(emission.manifest).revision)

    emitted()
    with monkeypatch.context() as patch:
        patch.setattr(pe_os.PeOs, "product", halved)
        emitted()
        emitted()
    emitted()
    for values in (texts, digests, revisions):
        assert values[0] == values[3] != values[1] == values[2]
    assert revisions[0] == revision.rtl_revision("")


def test_content_counts(monkeypatch):
    """Values in a closure, defaults and functions that are called are part of the code."""

    def code(method):
        with monkeypatch.context() as patch:
            patch.setattr(pe_os.PeOs, "product", method)
            return SMALL.own_code

    def shifted(bits):
        return lambda self, m, acts, weights: halved(self, m, acts, weights) >> bits

    def default(bits):
        def method(self, m, acts, weights, by=bits):
            return halved(self, m, acts, weights) >> by

        return method

    codes = [code(make(bits)) for make in (shifted, default) for bits in (1, 2)]
    assert len(set(codes)) == 4
    assert codes[0] == code(shifted(1))
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "halved", operator.add)
        assert code(shifted(1)) != codes[0]


class Pair(Unit):
    """Two units of the same name and parameters."""

    def __init__(self, *, width):
        self.classes = [_inverter("Inverter", lambda value: ~value), _inverter("Inverter", abs)]
        super().__init__({"i": In(width), "o": Out(width), "other": Out(width)})

    def build(self):
        m = Module()
        for number, output in enumerate((self.o, self.other)):
            m.submodules[f"unit_{number}"] = unit = self.classes[number](width=len(output))
            m.d.comb += [unit.i.eq(self.i), output.eq(unit.o)]
        return m


def _inverter(name, function):
    def __init__(self, *, width):
        Unit.__init__(self, {"i": In(width), "o": Out(width)})

    def build(self):
        m = Module()
        m.d.comb += self.o.eq(function(self.i))
        return m

    return type(name, (Unit,), {"__init__": __init__, "build": build})


def test_classes_of_equal_names_are_not_merged(tmp_path):
    emission = emit_unit(Pair(width=3), tmp_path)
    text = emission.verilog.read_text()
    assert "module pair_inverter(" in text
    assert "module pair_inverter_2(" in text


@pytest.mark.parametrize("name", CORES)
def test_engines_take_their_pes_from_an_attribute(tmp_path, name):
    stock = CORES[name].unit()
    pe = type("PeMine", (type(stock).pe,), {})
    unit = type("Mine", (type(stock),), {"pe": pe})(**stock.parameters)
    modules = Manifest.read(emit_unit(unit, tmp_path).manifest).modules
    units = {entry["unit"] for entry in modules.values()}
    assert {"mine", "pe_mine"} <= units
    assert not units & {unit_name(type(stock)), unit_name(type(stock).pe)}
    assert own_code(unit)
