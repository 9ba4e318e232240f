"""Areas of PEs of the sparse engine: memories that are left out, others, and the tables."""

import json
import re

import pytest
from brickwork import Eie
from brickwork.gen.lib.yosys import YosysError
from brickwork.gen.studies import eie, eie_area, eie_pe
from brickwork.gen.studies.study import of_table
from liberty import LIBRARY

pytestmark = pytest.mark.slow  # minutes together

#: A small engine's sizes.
SIZES = {"columns": 7, "entries": 64, "rows": 4, "weight_width": 4, "act_width": 4, "acc_width": 12}
NAMES = ["EIE's", "queue of 32"]
OWN = eie.CONFIGURATIONS[NAMES[0]]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(eie_pe, "_SIZES", SIZES)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eie_pe, "_SIZES", SIZES)
        patch.setattr(eie_area, "_TARGETS", ("ecp5",))  # both: test_block_ram.py
        out = tmp_path_factory.mktemp("out")
        fpga = Eie(**SIZES | {"columns": 2047, "entries": 2048, "acts": 512})
        return eie_area.measure(out, configurations=NAMES, fpga=fpga)


@pytest.fixture(scope="module")
def units(records):
    """Those of EIE's PE, by name."""
    return {record["name"]: record for record in of_table(records, "parts")}


def test_units(units):
    assert list(units) == [
        *("queue", "columns", "entries", "arithmetic", "accumulators", "activations"),
        *("write-back", "LNZD node"),
    ]
    for unit in units.values():
        assert unit["logic"] > unit["flip_flops"]
        assert (unit["registers"] > 0) == (unit["register_bits"] > 0)


def test_what_is_left_out(units):
    """8 + 1 pointers to 65 places in two banks, 64 entries of a byte, 64 activations."""
    bits = {name: unit["sram_bits"] for name, unit in units.items() if unit["sram_bits"]}
    assert bits == {"columns": 2 * 4 * 7, "entries": 64 * 8, "activations": 64 * 4}


def test_what_is_in_registers(units):
    """A deep queue's last place is a register of its own."""
    bits = {name: unit["register_bits"] for name, unit in units.items() if unit["register_bits"]}
    assert bits == {"queue": 7 * (4 + 3), "arithmetic": 16 * 4, "accumulators": 4 * 12}
    for name, count in bits.items():
        # 4 gates a flip-flop, and what selects it.
        assert units[name]["registers"] > 4 * count


def test_nothing_around_them_goes(units):
    """Registers of the entries' reader: a word, two activations, addresses and flags."""
    word, acts, address, places, flags = 64, 2 * 4, 3, 4 * 3, 5
    assert units["entries"]["flip_flops"] == 4 * (word + acts + address + places + flags)
    # An activation's number twice, and what else is known of it.
    assert units["activations"]["flip_flops"] >= 4 * (6 + 6 + 2)
    assert units["columns"]["flip_flops"] >= 4 * (4 + 2)


def test_memories_are_found_by_name(monkeypatch):
    monkeypatch.setattr(eie_pe, "SRAM", ("words", "moved"))
    with pytest.raises(YosysError):
        eie_pe.areas(eie_pe.chip(OWN))


def test_options(records):
    own, deep = of_table(records, "areas")
    assert [own["configuration"], deep["configuration"]] == NAMES
    for row in (own, deep):
        for name in ("logic", "registers", "register_bits", "sram_bits"):
            assert row[name] == pytest.approx(sum(part[name] for part in row["parts"]), abs=0.5)
    assert deep["register_bits"] - own["register_bits"] == (32 - 8) * (4 + 3)
    assert deep["registers"] - own["registers"] > 4 * (32 - 8) * (4 + 3)
    assert deep["sram_bits"] == own["sram_bits"]
    assert own["parts"][1:] == deep["parts"][1:]


def test_two_entries(units):
    """Two multipliers and accumulators, one queue."""
    two = {unit["name"]: unit for unit in eie_pe.areas(eie_pe.chip(OWN | {"entries_per_cycle": 2}))}
    accumulators = units["accumulators"]
    assert two["accumulators"]["logic"] == pytest.approx(2 * accumulators["logic"], rel=0.02)
    assert two["accumulators"]["register_bits"] == 2 * accumulators["register_bits"]
    assert two["arithmetic"]["logic"] > 1.5 * units["arithmetic"]["logic"]
    assert two["queue"]["register_bits"] == units["queue"]["register_bits"]


def test_library(units, tmp_path):
    """As many flip-flops as there are without one; they have another area."""
    (tmp_path / "tiny.lib").write_text(LIBRARY)
    for unit in eie_pe.areas(eie_pe.chip(OWN), tmp_path / "tiny.lib"):
        assert unit["flip_flops"] / 10 == units[unit["name"]]["flip_flops"] / 4


def test_text(records, tmp_path):
    text = eie_area.STUDY.write(tmp_path, "eie_area", records)
    assert json.loads((tmp_path / "eie_area.json").read_text())["records"] == records
    tables = text.split("\n\n")
    lines = tables[1].splitlines()
    assert re.split(r"  +", lines[0]) == [
        *("unit", "logic", "flip flops", "registers", "register bits", "SRAM bits", "published"),
    ]
    assert [re.split(r"  +", line)[0] for line in lines[1:]] == [
        *("queue", "columns", "entries", "arithmetic", "accumulators", "activations"),
        *("write-back", "sums and activations", "all", "LNZD node"),
    ]
    assert lines[-2].endswith(" 18,411")
    assert "entries.words" in tables[5]
    assert max(map(len, tables[-1].splitlines())) <= 100
