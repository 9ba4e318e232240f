"""What units share: parameters, names, keys and ports."""

from amaranth.hdl import Fragment, Module
from amaranth.lib.wiring import In, Out
from brickwork.hdl.array.skew import Skew
from brickwork.hdl.unit import Unit, data_register


class SomeUnit2X(Unit):
    def __init__(self, *, width, depth=3):
        super().__init__({"i": In(width), "o": Out(depth)})

    def build(self):
        return Module()


def test_parameters_name_and_key():
    unit = SomeUnit2X(width=5)
    assert unit.parameters == {"width": 5, "depth": 3}
    assert unit.name == "some_unit2_x"
    assert unit.key == SomeUnit2X(depth=3, width=5).key
    assert unit.key != SomeUnit2X(width=5, depth=4).key
    assert Skew(lanes=1, width=2, backwards=0).key != SomeUnit2X(width=5).key


def test_ports():
    unit = SomeUnit2X(width=5)
    assert [(name, len(value), flow) for name, value, flow, _ in unit.ports()] == [
        ("i", 5, In),
        ("o", 3, Out),
    ]


def test_a_platform_that_shares_is_asked_for_an_instance():
    class Platform:
        def instantiate(self, unit):
            return ("instance of", unit)

    unit = SomeUnit2X(width=5)
    assert unit.elaborate(Platform()) == ("instance of", unit)
    assert isinstance(Fragment.get(unit, None), Fragment)


def test_data_registers_have_no_reset():
    register = data_register(4, name="word")
    assert register.reset_less
    assert "brickwork_data" in register.attrs
