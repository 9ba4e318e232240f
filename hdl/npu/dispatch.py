"""Instructions of a program to the queues of their engines."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..checks import check_choice, check_integer, check_relation
from ..unit import Unit, data_register
from . import isa
from .errors import ERRORS
from .issue import instruction_layout

__all__ = ["Dispatch"]

_WORD = 8 * isa.INSTRUCTION_BYTES


class Dispatch(Unit):
    """Checks each instruction and hands it to its engine's queue, up to one that is not legal.

    An instruction is not legal if its opcode is unknown, if the core lacks its function, if a bit
    is set that belongs to no field of its form (``isa.FORMS``), or if its weights do not come
    from the weight memory: the first of these is the error (``ERRORS``). It goes nowhere, and
    ``failed`` is asserted with its error and index, and nothing more is taken, until a reset.

    A SYNC goes to the engine that it names. A HALT waits until all engines are idle; then ``done``
    pulses, and the next instruction begins the next program. The other fields of HALT have no
    effect.

    An instruction is offered in the cycle after it came. Throughput is one a cycle. ``i.ready``
    depends on the engines' ``ready`` and on ``idle``; the rest comes from registers.

    Parameters
    ----------
    functions : str
        Functions of VECTOR that the core has, names of ``isa.FUNCTIONS`` separated by commas.
    pc_width : int
        Bits of an instruction's index, 1 to 31.

    Members
    -------
    i : ``In(stream.Signature(instruction_layout(pc_width)))``
    <engine> : ``Out(stream.Signature(instruction_layout(pc_width)))``, for each of ``isa.ENGINES``
    idle : ``In(4)``
        A bit for each engine: it has nothing to do, and its queue is empty, from the cycle after it
        took an instruction on.
    done : ``Out(1)``
    failed : ``Out(1)``, with ``failed_kind`` : ``Out(8)``, ``failed_pc`` : ``Out(pc_width)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is of another type or out of range, or a function is named twice.
    """

    role = "npu control"

    def __init__(self, *, functions, pc_width):
        if not isinstance(functions, str):
            raise TypeError(f"Functions must be names separated by commas, not {functions!r}")
        self.functions = functions.split(",")
        for name in self.functions:
            check_choice("Function", name, tuple(isa.FUNCTIONS))
        check_relation(
            len(set(self.functions)) == len(self.functions),
            f"Functions must be named once each, not {functions!r}",
        )
        check_integer("Program counter width", pc_width, 1, 31)
        instructions = stream.Signature(instruction_layout(pc_width))
        super().__init__(
            {"i": In(instructions)}
            | dict.fromkeys(isa.ENGINES, Out(instructions))
            | {
                "idle": In(len(isa.ENGINES)),
                "done": Out(1),
                "failed": Out(1),
                "failed_kind": Out(8),
                "failed_pc": Out(pc_width),
            }
        )

    def build(self):
        m = Module()
        layout = instruction_layout(self.parameters["pc_width"])
        held = Signal()
        leaves = Signal()
        instruction = data_register(layout, name="instruction")
        m.d.comb += self.i.ready.eq(~held | leaves)
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.valid), instruction.eq(self.i.payload)]
        kind, halts, sends = self._checked(m, instruction.word, self._reserved(m))
        legal = held & (kind == 0)
        moves = []
        for number, engine in enumerate(isa.ENGINES):
            port = getattr(self, engine)
            m.d.comb += [port.payload.eq(instruction), port.valid.eq(legal & sends[number])]
            moves.append(port.valid & port.ready)
        m.d.comb += [
            self.done.eq(legal & halts & self.idle.all()),
            leaves.eq(Cat(moves).any() | self.done),
            self.failed.eq(held & (kind != 0)),
            self.failed_kind.eq(kind),
            self.failed_pc.eq(instruction.pc),
        ]
        return m

    def _reserved(self, m):
        """For each form whether one of its reserved bits is set, of the word that was taken.

        Bits that are reserved in the same forms are combined before the register.
        """
        groups = {}
        for bit in range(_WORD):
            forms = tuple(n for n, form in enumerate(isa.FORMS) if form.reserved >> bit & 1)
            groups.setdefault(forms, []).append(self.i.payload.word[bit])
        violations = [Const(0)] * len(isa.FORMS)
        for number, (forms, bits) in enumerate(groups.items()):
            if forms:
                nonzero = data_register(1, name=f"nonzero_{number}")
                with m.If(self.i.ready):
                    m.d.sync += nonzero.eq(Cat(bits).any())
                for form in forms:
                    violations[form] = violations[form] | nonzero
        return violations

    def _checked(self, m, word, violations):
        """The error of a word or 0, whether it is a HALT, and a bit for the engine it is for."""
        kind, halts = Signal(8), Signal()
        sends = Signal(len(isa.ENGINES))
        number = {name: number for name, (number, _) in ERRORS.items()}

        def check(form):
            with m.If(violations[isa.FORMS.index(form)]):
                m.d.comb += kind.eq(number["RESERVED"])

        def send(engine):
            m.d.comb += sends[isa.ENGINES.index(engine)].eq(1)

        with m.Switch(data.View(isa.layout("halt"), word).op):
            for opcode, code in isa.OPCODES.items():
                forms = isa.forms(opcode)
                fields = data.View(isa.layout(opcode), word)
                with m.Case(code):
                    if opcode == "halt":
                        m.d.comb += halts.eq(1)
                        check(forms[0])
                    elif opcode == "sync":
                        with m.Switch(fields.engine):
                            for index, engine in enumerate(isa.ENGINES):
                                with m.Case(index):
                                    send(engine)
                        check(forms[0])
                    elif opcode == "vector":
                        send("vector")
                        self._check_function(m, forms, fields.function, kind, check)
                    else:
                        send(forms[0].engine)
                        wrong = Const(0)
                        if opcode == "matrix":
                            wrong = fields.w_source != isa.W_SOURCES["weights"]
                        elif opcode == "store":
                            wrong = fields.memory != isa.MEMORIES["buffer"]
                        with m.If(wrong):
                            m.d.comb += kind.eq(number["SOURCE"])
                        check(forms[0])
            with m.Default():
                m.d.comb += kind.eq(number["OPCODE"])
        return kind, halts, sends

    def _check_function(self, m, forms, function, kind, check):
        with m.Switch(function):
            for form in forms:
                codes = [isa.FUNCTIONS[f] for f in form.functions if f in self.functions]
                if codes:
                    with m.Case(*codes):
                        check(form)
            with m.Default():
                m.d.comb += kind.eq(ERRORS["FUNCTION"][0])
