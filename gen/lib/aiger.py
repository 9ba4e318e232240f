"""Models in AIGER, the exchange format of and-inverter graphs, with inputs made constant.

Source: A. Biere, "The AIGER And-Inverter Graph (AIG) Format Version 20071012", 2007; A. Biere,
K. Heljanko, S. Wieringa, "AIGER 1.9 And Beyond", 2011.
"""

import re
from collections.abc import Mapping

__all__ = ["Model"]


class Model:
    """A model in the binary format with a table of symbols.

    A literal is twice the number of an input, a register or a gate, plus 1 for its inverse; 0 and 1
    are constants. A gate is stored as two differences of literals, seven bits a byte.

    Parameters
    ----------
    data : bytes
        A file's content.
    """

    def __init__(self, data: bytes):
        header, _, rest = data.partition(b"\n")
        _, variables, inputs, registers, outputs, gates, *more = header.split()
        lines = int(registers) + int(outputs) + sum(int(number) for number in more)
        *self._lines, rest = rest.split(b"\n", lines)
        self._header = header
        self._gates: list[bytes] = []
        self._readers: dict[int, list[tuple[int, int, int, int]]] = {}
        position = 0
        inputs = int(inputs)
        for number in range(int(gates)):
            start = position
            literal = 2 * (int(variables) - int(gates) + number + 1)
            first, position = _decoded(rest, position)
            second, position = _decoded(rest, position)
            first = literal - first
            second = first - second
            self._gates.append(rest[start:position])
            for each in (first, second):
                if 2 <= each < 2 * inputs + 2:
                    self._readers.setdefault(each >> 1, []).append((number, literal, first, second))
        symbols = re.findall(rb"^i(\d+) (.*)$", rest[position:], re.MULTILINE)
        self._inputs = {name.decode(): int(number) + 1 for number, name in symbols}

    def fixed(self, values: Mapping[str, bool]) -> bytes:
        """The model with constants in place of inputs, which stay without a use; no symbols.

        Gates alone may use the inputs, no register and no output.
        """
        constants = {self._inputs[name]: int(value) for name, value in values.items()}
        gates = list(self._gates)
        for variable in constants:
            for number, literal, *operands in self._readers.get(variable, ()):
                second, first = sorted(
                    constants.get(each >> 1, each & ~1) ^ (each & 1) for each in operands
                )
                gates[number] = _encoded(literal - first) + _encoded(first - second)
        return b"\n".join([self._header, *self._lines, b"".join(gates)])


def _decoded(data, position):
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _encoded(value):
    code = bytearray()
    while value >= 0x80:
        code.append(0x80 | value & 0x7F)
        value >>= 7
    code.append(value)
    return bytes(code)
