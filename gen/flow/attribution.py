"""The units of a design that the cells of its flat netlist belong to."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Instance", "Memory", "instances", "memories", "owners"]


@dataclass(frozen=True)
class Instance:
    """A module at its position in the hierarchy.

    Attributes
    ----------
    path : tuple of str
        Names of instances from the top-level module, which is ``()``, down to this one.
    module : str
    """

    path: tuple[str, ...]
    module: str


@dataclass(frozen=True)
class Memory:
    """A memory at its position in the hierarchy; ``name`` is its path joined by dots."""

    name: str
    path: tuple[str, ...]
    words: int
    width: int


def instances(modules: dict, top: str, path=()) -> Iterator[Instance]:
    """All instances of a design, from the top-level one down.

    Parameters
    ----------
    modules : dict
        The modules with hierarchy, as yosys writes them in JSON.
    top : str
        The top-level module.
    """
    yield Instance(path, top)
    for name, cell in modules[top]["cells"].items():
        if cell["type"] in modules:
            yield from instances(modules, cell["type"], (*path, name))


def memories(modules: dict, top: str) -> list[Memory]:
    """All memories of a design, in the order of :func:`instances`."""
    return [
        Memory(".".join((*instance.path, name)), instance.path, memory["size"], memory["width"])
        for instance in instances(modules, top)
        for name, memory in modules[instance.module].get("memories", {}).items()
    ]


def owners(modules: dict, top: str, gates: dict, flat: dict) -> dict[str, tuple[str, ...]]:
    """The path of the instance that each cell of a flat netlist belongs to.

    A cell belongs to the instance that makes the signal which the cell drives, if that signal has
    a name. A cell that drives no named signal, as most gates and LUTs do, belongs to the owner of
    the nearest cell that takes its output. So logic counts for the unit whose register, memory or
    output it leads to; where synthesis has merged the logic of two units, for the later one.

    Parameters
    ----------
    modules, top
        The modules with hierarchy, and the top-level one.
    gates, flat : dict
        The module without hierarchy before and after it is mapped to cells.
    """
    design = _Design(modules, top)
    makers = _mapped_makers(gates, flat, _makers(design, gates)) | _makers(design, flat)
    memory_paths = {memory.name: memory.path for memory in memories(modules, top)}
    owner, drivers = {}, {}
    for name, cell in flat["cells"].items():
        paths = [memory_paths[name[:at]] for at in _dots(name) if name[:at] in memory_paths]
        for bit in _bits(cell, "output"):
            drivers[bit] = name
            if bit in makers:
                paths.append(makers[bit])
        if paths:
            owner[name] = paths[0]
    queue = deque(owner)
    while queue:
        name = queue.popleft()
        for bit in _bits(flat["cells"][name], "input"):
            driver = drivers.get(bit)
            if driver is not None and driver not in owner:
                owner[driver] = owner[name]
                queue.append(driver)
    return {name: owner.get(name, ()) for name in flat["cells"]}


def _mapped_makers(gates, flat, makers):
    """``makers`` of bits before mapping, for the same bits after it.

    Mapping to LUTs loses names, also of signals that it keeps: those at registers and other cells
    that it leaves as they are.
    """
    mapped = {}
    for name in gates["cells"].keys() & flat["cells"].keys():
        before, after = (module["cells"][name]["connections"] for module in (gates, flat))
        for port in before.keys() & after.keys():
            for old, new in zip(before[port], after[port], strict=False):
                if old in makers:
                    mapped[new] = makers[old]
    return mapped


def _makers(design, flat):
    """The path of the instance that makes each of a flat netlist's bits that have names."""
    makers = {}
    for name, net in flat["netnames"].items():
        # Names that synthesis made up look like these, but have no such attribute.
        *path, local = net["attributes"].get("hdlname", name).split(" ")
        for bit, source in zip(net["bits"], design.sources(tuple(path), local), strict=False):
            if source is not None:
                # The innermost of several registers that were equal and became one.
                makers[bit] = max(makers.get(bit, ()), source, key=lambda path: (len(path), path))
    return makers


class _Design:
    """A design with hierarchy, and the instances that make its signals."""

    def __init__(self, modules, top):
        self._modules = {each.path: each.module for each in instances(modules, top)}
        self._nets = {name: module["netnames"] for name, module in modules.items()}
        self._ports = {name: module["ports"] for name, module in modules.items()}
        self._cells = {name: module["cells"] for name, module in modules.items()}
        self._drivers = {name: self._driven(module) for name, module in modules.items()}

    def sources(self, path, name):
        """For each bit of a signal the path of the instance that makes it, or None."""
        net = self._nets.get(self._modules.get(path), {}).get(name, {"bits": []})
        return [self._source(path, bit) for bit in net["bits"]]

    def _source(self, path, bit):
        while True:
            module = self._modules[path]
            cell, port, index = self._drivers[module].get(bit, (None, None, None))
            if port is None:
                return None
            if cell is None:  # comes from outside
                if not path:
                    return path
                *above, name = path
                path = tuple(above)
                bit = self._cells[self._modules[path]][name]["connections"][port][index]
            elif (*path, cell) in self._modules:
                path = (*path, cell)
                bit = self._ports[self._modules[path]][port]["bits"][index]
            else:
                return path

    def _driven(self, module):
        """For each bit of a module the cell, port and index that drive it; no cell for inputs."""
        drivers = {}
        for name, port in module["ports"].items():
            if port["direction"] == "input":
                drivers |= {bit: (None, name, index) for index, bit in enumerate(port["bits"])}
        for cell_name, cell in module["cells"].items():
            directions = cell.get("port_directions") or {
                name: port["direction"] for name, port in self._ports[cell["type"]].items()
            }
            for name, bits in cell["connections"].items():
                if directions[name] == "output":
                    drivers |= {bit: (cell_name, name, index) for index, bit in enumerate(bits)}
        return drivers


def _dots(name):
    return (at for at, letter in enumerate(name) if letter == ".")


def _bits(cell, direction):
    """Nets at a cell's ports of a direction; constants are no nets."""
    for port, bits in cell["connections"].items():
        if cell["port_directions"].get(port) == direction:
            yield from (bit for bit in bits if isinstance(bit, int))
