"""What every unit of hardware here is: a component that knows its parameters and can be shared."""

import inspect
import re

from amaranth.hdl import DomainRenamer, Signal, Value
from amaranth.lib import wiring

__all__ = ["Unit", "data_register", "unit_name"]


def data_register(shape, name):
    """A register that carries data: it has no reset and no power-up value.

    Data are never looked at before a valid flag, which is reset, says so. Without the reset the
    register costs less, and it fits into DSP blocks; without the power-up value wide registers
    don't fill the Verilog with zeros. The attribute tells the emission which registers these are.
    """
    return Signal(shape, name=name, reset_less=True, attrs={"brickwork_data": 1})


def unit_name(cls):
    """The name of a class in snake case, as that of its units."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()


class Unit(wiring.Component):
    """A component that is converted once for all its instances of equal parameters.

    A subclass takes keyword-only parameters (integers, strings and classes of units) and describes
    its hardware in :meth:`build`. A constructor with ``**parameters`` passes these on to a unit
    inside, or to the class above. Elaborated by itself, a unit is ordinary Amaranth. Elaborated
    with a platform that has a method ``instantiate``, the emission's, it becomes an instance of its
    module.

    Attributes
    ----------
    parameters : dict
        Every parameter of the constructor with its value, in the constructor's order.
    name : str
        The class's name in snake case: the unit's name in files, in Verilog and on command lines.
    domain : str
        The clock domain of an instance; its user may choose another before it is elaborated.
    role : str
        The row of an area table that the unit's cells count in.
    """

    domain = "sync"
    role = "other"

    # Units are also made to check parameters, and not elaborated then.
    _MustUse__silence = True

    def __new__(cls, *args, src_loc_at=0, **parameters):
        self = super().__new__(cls, *args, src_loc_at=src_loc_at + 1, **parameters)
        bound = inspect.signature(cls.__init__).bind(self, *args, **parameters)
        bound.apply_defaults()
        self.parameters = bound.arguments
        del self.parameters["self"]
        for name, parameter in bound.signature.parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                self.parameters |= self.parameters.pop(name)
        return self

    @property
    def name(self):
        return unit_name(type(self))

    @property
    def key(self):
        """What tells this unit's hardware from that of others."""
        return (type(self), *self.parameters.items())

    @property
    def shown_parameters(self):
        """The parameters as integers and strings, for texts."""
        return {name: _shown(value) for name, value in self.parameters.items()}

    def __repr__(self):
        shown = self.shown_parameters.items()
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in shown)})"

    def ports(self):
        """Yield ``(name, signal, flow, shape)`` of each port, nested names joined by ``_``."""
        for path, member, value in self.signature.flatten(self):
            yield "_".join(map(str, path)), Value.cast(value), member.flow, member.shape

    def elaborate(self, platform):
        instantiate = getattr(platform, "instantiate", None)
        if instantiate is not None:
            return instantiate(self)
        built = self.build()
        return built if self.domain == "sync" else DomainRenamer(self.domain)(built)

    def build(self):
        """The unit's hardware, an :class:`amaranth.hdl.Module`."""
        raise NotImplementedError


def _shown(value):
    if isinstance(value, type):
        return unit_name(value)
    return repr(value) if isinstance(value, Unit) else value
