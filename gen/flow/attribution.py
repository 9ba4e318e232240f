"""What the cells of a flat netlist are for: the units of the design that they belong to."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Instance", "Memory", "instances", "memories", "owners"]


@dataclass(frozen=True)
class Instance:
    """A module in its place in the design.

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
    """A memory in its place in the design; ``name`` is its path joined by dots."""

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
    """All memories of a design, by their place in it."""
    return [
        Memory(".".join((*one.path, name)), one.path, memory["size"], memory["width"])
        for one in instances(modules, top)
        for name, memory in modules[one.module].get("memories", {}).items()
    ]


def owners(modules: dict, top: str, gates: dict, flat: dict) -> dict[str, tuple[str, ...]]:
    """Give every cell of a flat netlist the path of the instance that it belongs to.

    It is the instance in which the signal that the cell drives is made, if that signal has a name.
    A cell that drives nothing with a name, as most gates and LUTs do, belongs where the nearest
    cell that takes its output belongs. So logic counts for the unit whose register, memory or
    output it leads to; where synthesis has merged the logic of two units, for the later one.

    Parameters
    ----------
    modules, top
        The modules with hierarchy, and the top-level one.
    gates, flat : dict
        The module without hierarchy before and after it is mapped to cells.
    """
    design = _Design(modules, top)
    named = _through(gates, flat, _named(design, gates)) | _named(design, flat)
    kept = {memory.name: memory.path for memory in memories(modules, top)}
    found, drivers = {}, {}
    for name, cell in flat["cells"].items():
        paths = [kept[name[:at]] for at in _dots(name) if name[:at] in kept]
        for bit in _bits(cell, "output"):
            drivers[bit] = name
            if bit in named:
                paths.append(named[bit])
        if paths:
            found[name] = paths[0]
    queue = deque(found)
    while queue:
        name = queue.popleft()
        for bit in _bits(flat["cells"][name], "input"):
            driver = drivers.get(bit)
            if driver is not None and driver not in found:
                found[driver] = found[name]
                queue.append(driver)
    return {name: found.get(name, ()) for name in flat["cells"]}


def _through(gates, flat, named):
    """For bits after mapping what is known of those before it.

    Mapping to LUTs loses names, also of signals that it keeps: those at registers and other cells
    that it leaves as they are.
    """
    found = {}
    for name in gates["cells"].keys() & flat["cells"].keys():
        before, after = (module["cells"][name]["connections"] for module in (gates, flat))
        for port in before.keys() & after.keys():
            for old, new in zip(before[port], after[port], strict=False):
                if old in named:
                    found[new] = named[old]
    return found


def _named(design, flat):
    """The path of the instance that makes each of a flat netlist's bits that have names."""
    found = {}
    for name, net in flat["netnames"].items():
        # Names that synthesis made up look like these, but have no such attribute.
        *path, local = net["attributes"].get("hdlname", name).split(" ")
        for bit, source in zip(net["bits"], design.sources(tuple(path), local), strict=False):
            if source is not None:
                # One of several registers that were equal.
                found[bit] = max(found.get(bit, ()), source, key=lambda path: (len(path), path))
    return found


class _Design:
    """Where the signals of a design with hierarchy are made."""

    def __init__(self, modules, top):
        self._modules = {one.path: one.module for one in instances(modules, top)}
        self._nets = {name: module["netnames"] for name, module in modules.items()}
        self._ports = {name: module["ports"] for name, module in modules.items()}
        self._cells = {name: module["cells"] for name, module in modules.items()}
        self._drivers = {name: self._driven(module) for name, module in modules.items()}

    def sources(self, path, name):
        """For each bit of a signal the path of the instance that makes it; none if it is none."""
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
        found = {}
        for port, facts in module["ports"].items():
            if facts["direction"] == "input":
                found |= {bit: (None, port, index) for index, bit in enumerate(facts["bits"])}
        for name, cell in module["cells"].items():
            ports = cell.get("port_directions") or {
                port: facts["direction"] for port, facts in self._ports[cell["type"]].items()
            }
            for port, bits in cell["connections"].items():
                if ports[port] == "output":
                    found |= {bit: (name, port, index) for index, bit in enumerate(bits)}
        return found


def _dots(name):
    return (at for at, letter in enumerate(name) if letter == ".")


def _bits(cell, direction):
    """Nets at a cell's ports of a direction; constants are no nets."""
    for port, bits in cell["connections"].items():
        if cell["port_directions"].get(port) == direction:
            yield from (bit for bit in bits if isinstance(bit, int))
