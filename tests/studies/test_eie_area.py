"""Areas of elements of the sparse engine: what is left out, what stays, and the tables."""

import json
import re

import pytest
from brickwork.gen.designs.base import Eie
from brickwork.gen.lib.yosys import YosysError
from brickwork.gen.studies import eie, eie_area, eie_element
from liberty import LIBRARY

#: A small engine's sizes.
SIZES = {"columns": 7, "entries": 64, "rows": 4, "weight_width": 4, "act_width": 4, "acc_width": 12}
NAMES = ["EIE's", "queue of 32"]
OWN = eie.CONFIGURATIONS[NAMES[0]]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(eie_element, "_SIZES", SIZES)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eie_element, "_SIZES", SIZES)
        patch.setattr(eie_area, "_TARGETS", ("ecp5",))  # both: test_block_ram.py
        out = tmp_path_factory.mktemp("out")
        fpga = Eie(**SIZES | {"columns": 2047, "entries": 2048, "acts": 512})
        return eie_area.measure(out, configurations=NAMES, fpga=fpga)


@pytest.fixture(scope="module")
def parts(found):
    """Those of EIE's element, by name."""
    return {row["name"]: row for row in found if row["table"] == "parts"}


def test_parts(parts):
    assert list(parts) == [
        *("queue", "columns", "entries", "arithmetic", "accumulators", "activations"),
        *("write-back", "LNZD node"),
    ]
    for part in parts.values():
        assert part["logic"] > part["flip_flops"]
        assert (part["registers"] > 0) == (part["register_bits"] > 0)


def test_what_is_left_out(parts):
    """8 + 1 pointers to 65 places in two banks, 64 entries of a byte, 64 activations."""
    bits = {name: part["sram_bits"] for name, part in parts.items() if part["sram_bits"]}
    assert bits == {"columns": 2 * 4 * 7, "entries": 64 * 8, "activations": 64 * 4}


def test_what_is_in_registers(parts):
    """A deep queue's last place is a register of its own."""
    bits = {name: part["register_bits"] for name, part in parts.items() if part["register_bits"]}
    assert bits == {"queue": 7 * (4 + 3), "arithmetic": 16 * 4, "accumulators": 4 * 12}
    for name, count in bits.items():
        # 4 gates a flip-flop, and what selects it.
        assert parts[name]["registers"] > 4 * count


def test_nothing_around_them_goes(parts):
    """Registers of the entries' reader: a word, two activations, addresses and flags."""
    word, acts, address, places, flags = 64, 2 * 4, 3, 4 * 3, 5
    assert parts["entries"]["flip_flops"] == 4 * (word + acts + address + places + flags)
    # An activation's number twice, and what else is known of it.
    assert parts["activations"]["flip_flops"] >= 4 * (6 + 6 + 2)
    assert parts["columns"]["flip_flops"] >= 4 * (4 + 2)


def test_memories_are_found_by_name(monkeypatch):
    monkeypatch.setattr(eie_element, "SRAM", ("words", "moved"))
    with pytest.raises(YosysError):
        eie_element.parts(eie_element.chip(OWN))


def test_options(found):
    own, deep = (row for row in found if row["table"] == "areas")
    assert [own["configuration"], deep["configuration"]] == NAMES
    for row in (own, deep):
        for name in ("logic", "registers", "register_bits", "sram_bits"):
            assert row[name] == pytest.approx(sum(part[name] for part in row["parts"]), abs=0.5)
    assert deep["register_bits"] - own["register_bits"] == (32 - 8) * (4 + 3)
    assert deep["registers"] - own["registers"] > 4 * (32 - 8) * (4 + 3)
    assert deep["sram_bits"] == own["sram_bits"]
    assert own["parts"][1:] == deep["parts"][1:]


def test_two_entries(parts):
    """Two multipliers and accumulators, one queue."""
    two = {part.name: part for part in eie_element.parts(eie_element.chip(OWN | {"lanes": 2}))}
    accumulators = parts["accumulators"]
    assert two["accumulators"].logic == pytest.approx(2 * accumulators["logic"], rel=0.02)
    assert two["accumulators"].register_bits == 2 * accumulators["register_bits"]
    assert two["arithmetic"].logic > 1.5 * parts["arithmetic"]["logic"]
    assert two["queue"].register_bits == parts["queue"]["register_bits"]


def test_library(parts, tmp_path):
    """As many flip-flops as there are without one; they have another area."""
    (tmp_path / "tiny.lib").write_text(LIBRARY)
    for part in eie_element.parts(eie_element.chip(OWN), tmp_path / "tiny.lib"):
        assert part.flip_flops / 10 == parts[part.name]["flip_flops"] / 4


def test_text(found, tmp_path):
    text = eie_area.write(tmp_path, found)
    assert json.loads((tmp_path / "eie_area.json").read_text())["records"] == found
    tables = text.split("\n\n")
    lines = tables[1].splitlines()
    assert re.split(r"  +", lines[0]) == [
        *("part", "logic", "flip flops", "registers", "register bits", "SRAM bits", "published"),
    ]
    assert [re.split(r"  +", line)[0] for line in lines[1:]] == [
        *("queue", "columns", "entries", "arithmetic", "accumulators", "activations"),
        *("write-back", "sums and activations", "all", "LNZD node"),
    ]
    assert lines[-2].endswith(" 18,411")
    assert "entries.words" in tables[5]
    assert max(map(len, tables[-1].splitlines())) <= 100
