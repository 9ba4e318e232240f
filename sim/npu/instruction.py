"""Instructions as field values, as integers and as bytes, by the field tables of a manifest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Instruction", "InstructionSet"]

#: Version of the instruction set that this package reads.
_VERSION = 1
#: Fields with names for their values.
_NAMED = ("engine", "memory", "segment", "function", "b_mode", "w_source")
#: Named values that are reserved so far.
_RESERVED = {"w_source": ("buffer", "transposed")}
_NO_ENGINE = "halt"


@dataclass(frozen=True)
class Instruction:
    """An instruction as the values of its fields.

    Attributes
    ----------
    opcode : str
    values : mapping
        Of every field but ``op``. Counts are counts (not less one), signed fields are signed,
        ``wait`` and ``signal`` are tuples of engines, and fields with names for their values hold
        names. ``ix0`` of a packed MATRIX is unsigned.
    """

    opcode: str
    values: Mapping[str, int | str | tuple[str, ...]] = field(hash=False)

    def __getitem__(self, name):
        return self.values[name]

    @property
    def engine(self) -> str | None:
        """The engine that executes it; ``None`` for ``halt``."""
        if self.opcode == _NO_ENGINE:
            return None
        return self.values.get("engine", self.opcode)

    def replace(self, **values) -> "Instruction":
        """The instruction with other values in some fields."""
        return Instruction(self.opcode, {**self.values, **values})


class InstructionSet:
    """Encodes and decodes the instructions that a core takes.

    Parameters
    ----------
    isa : dict
        The entry ``isa`` of a manifest.
    lacks : iterable of str
        Functions of VECTOR that the core lacks.

    Attributes
    ----------
    bytes : int
        Of an instruction.
    engines : tuple of str
        In the order of the bits of ``wait`` and ``signal``.
    opcodes : dict of str to int
    names : dict of str to list of str
        For each field with names for its values, these names in the order of their numbers.
    forms : dict of (str, str or None) to dict
        For each opcode and function (``None`` for other opcodes than VECTOR), the fields by their
        names, from bit 0 up.

    Raises
    ------
    ValueError
        If the instruction set is of another version.
    """

    def __init__(self, isa: dict, lacks: Iterable[str] = ()):
        if isa["version"] != _VERSION:
            raise ValueError(
                f"Instruction set must have the version {_VERSION}, not {isa['version']!r}; emit "
                "the core again"
            )
        self.bytes = isa["instruction_bytes"]
        self.engines = tuple(isa["engines"])
        self.opcodes = dict(isa["opcodes"])
        self._numbers = {name: isa["names"][name] for name in _NAMED}
        self.names = {
            name: sorted(numbers, key=numbers.get) for name, numbers in self._numbers.items()
        }
        self._lacks = frozenset(lacks)
        self._opcode_names = {number: name for name, number in self.opcodes.items()}
        self.forms = {
            (form["opcode"], function): {item["name"]: item for item in form["fields"]}
            for form in isa["forms"]
            for function in form["functions"] or [None]
        }
        self._reserved = {key: self._unused(fields) for key, fields in self.forms.items()}

    def _unused(self, fields):
        used = sum(((1 << item["width"]) - 1) << item["low"] for item in fields.values())
        return ((1 << 8 * self.bytes) - 1) & ~used

    def others(self, engine: str) -> tuple[str, ...]:
        """The engines that the bits of ``wait`` and ``signal`` of an engine stand for."""
        return tuple(name for name in self.engines if name != engine)

    def fields(self, opcode: str, function: str | None = None) -> dict[str, dict]:
        """The fields of an instruction by their names.

        Raises
        ------
        ValueError
            If there is no such instruction, or the core lacks it.
        """
        if function in self._lacks:
            raise ValueError(f"Function {function} is none of this core's")
        if opcode not in self.opcodes:
            raise ValueError(f"Opcode must be one of {', '.join(self.opcodes)}, not {opcode!r}")
        if (opcode, function) not in self.forms:
            functions = ", ".join(self.functions)
            raise ValueError(f"Function must be one of {functions}, not {function!r}")
        return self.forms[opcode, function]

    @property
    def functions(self) -> list[str]:
        """The functions of VECTOR that the core has."""
        return [name for name in self.names["function"] if name not in self._lacks]

    def limits(self, item: dict, packed: bool = False) -> tuple[int, int]:
        """The lowest and highest value of a field."""
        width, coding = item["width"], item["coding"]
        if coding == "signed" and not (packed and item["name"] == "ix0"):
            return -(1 << width - 1), (1 << width - 1) - 1
        first = coding == "count"
        return int(first), (1 << width) - 1 + first

    def decode(self, word: int) -> Instruction:
        """The instruction of a word.

        Raises
        ------
        ValueError
            If a core refuses the word: unknown opcode, function or name, or a reserved bit is set.
            Also if ``halt`` waits for tokens or gives some, as it has no engine.
        """
        number = word & 15
        opcode = self._opcode_names.get(number)
        if opcode is None:
            highest = max(self._opcode_names)
            raise ValueError(f"Opcode must be from 0 to {highest}, not {number}")
        function = None
        if (opcode, None) not in self.forms:
            item = self.forms[opcode, self.names["function"][0]]["function"]
            function = self._name("function", word >> item["low"] & (1 << item["width"]) - 1)
        fields = self.fields(opcode, function)
        if reserved := word & self._reserved[opcode, function]:
            bits = [str(bit) for bit in range(8 * self.bytes) if reserved >> bit & 1]
            plural = "s" * (len(bits) > 1)
            raise ValueError(f"Reserved bit{plural} {', '.join(bits)} of {opcode} must be 0")
        raw = {
            name: word >> item["low"] & (1 << item["width"]) - 1 for name, item in fields.items()
        }
        packed = bool(raw.get("packed"))
        values = {}
        for name, item in fields.items():
            if name == "op":
                continue
            value = raw[name]
            if name in _NAMED:
                values[name] = self._name(name, value)
            elif name in ("wait", "signal"):
                values[name] = value
            else:
                highest = self.limits(item, packed)[1]
                if item["coding"] == "count":
                    value += 1
                values[name] = value - (1 << item["width"]) if value > highest else value
        instruction = Instruction(opcode, values)
        others = self._others_of(instruction)
        for name in ("wait", "signal"):
            values[name] = tuple(
                engine for bit, engine in enumerate(others) if values[name] >> bit & 1
            )
        return instruction

    def _others_of(self, instruction):
        if instruction.engine is not None:
            return self.others(instruction.engine)
        for name in ("wait", "signal"):
            if instruction[name]:
                raise ValueError(f"Field {name} of {instruction.opcode} must be 0")
        return ()

    def _name(self, name, number):
        names = self.names[name]
        if number >= len(names):
            raise ValueError(f"Field {name} must be from 0 to {len(names) - 1}, not {number}")
        if names[number] in _RESERVED.get(name, ()):
            raise ValueError(f"Field {name} must be 0 ({names[0]}), not {number}")
        return names[number]

    def encode(self, instruction: Instruction) -> int:
        """The word of an instruction.

        Raises
        ------
        ValueError
            If a value is missing, unknown or out of its field's range.
        """
        fields = self.fields(instruction.opcode, instruction.values.get("function"))
        values = instruction.values
        if odd := sorted((fields.keys() - {"op"}) ^ values.keys()):
            raise ValueError(f"Fields of {instruction.opcode} must be as in the manifest: {odd[0]}")
        word = self.opcodes[instruction.opcode]
        packed = bool(values.get("packed"))
        for name, item in fields.items():
            if name == "op":
                continue
            value = values[name]
            if name in _NAMED:
                number = self.number(name, value)
            elif name in ("wait", "signal"):
                number = self._mask(instruction, name)
            else:
                lowest, highest = self.limits(item, packed)
                if not lowest <= value <= highest:
                    raise ValueError(
                        f"Field {name} must be from {lowest} to {highest}, not {value}"
                    )
                number = value - (item["coding"] == "count") & (1 << item["width"]) - 1
            word |= number << item["low"]
        return word

    def number(self, name: str, value: str) -> int:
        """The number of a name in a field.

        Raises
        ------
        ValueError
            If the field has no such name.
        """
        names = [each for each in self.names[name] if each not in _RESERVED.get(name, ())]
        if value not in names:
            raise ValueError(f"Field {name} must be one of {', '.join(names)}, not {value!r}")
        return self._numbers[name][value]

    def _mask(self, instruction, name):
        others = self.others(instruction.engine) if instruction.engine else ()
        for engine in instruction[name]:
            if engine not in others:
                allowed = f"of {', '.join(others)}" if others else "empty"
                raise ValueError(
                    f"Field {name} of {instruction.opcode} must be {allowed}, not {engine!r}"
                )
        return sum(1 << others.index(engine) for engine in set(instruction[name]))

    def words(self, program: bytes) -> list[int]:
        """The words of a program in bytes.

        Raises
        ------
        ValueError
            If it does not consist of whole instructions.
        """
        if len(program) % self.bytes:
            raise ValueError(
                f"Program must have a multiple of {self.bytes} bytes, not {len(program)}"
            )
        return [
            int.from_bytes(program[at : at + self.bytes], "little")
            for at in range(0, len(program), self.bytes)
        ]

    def program(self, instructions: Iterable[Instruction]) -> bytes:
        """The bytes of a program."""
        return b"".join(
            self.encode(instruction).to_bytes(self.bytes, "little") for instruction in instructions
        )

    def decode_program(self, program: bytes) -> list[Instruction]:
        """The instructions of a program in bytes.

        Raises
        ------
        ValueError
            Of the first word that a core refuses, with its number.
        """
        instructions = []
        for number, word in enumerate(self.words(program)):
            try:
                instructions.append(self.decode(word))
            except ValueError as error:
                raise ValueError(f"Instruction {number}: {error}") from None
        return instructions
