"""The register map as documents."""

import json
import re

import pytest
from brickwork.gen.collateral.register_docs import documents
from c_driver import emit_top


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tops")
    return emit_top(folder, "gemm_ws rows=3 cols=5 output=scale", "axi", "address_width=40")[1]


@pytest.fixture(scope="module")
def found(manifest):
    return documents(manifest)


def test_names(found):
    assert list(found) == [f"gemm_ws_axi_registers.{ending}" for ending in ("md", "json", "rdl")]


def test_json(found, manifest):
    facts = json.loads(found["gemm_ws_axi_registers.json"])
    assert facts["digest"] == manifest.digest
    for name in ("registers", "errors", "streams"):
        assert facts[name] == manifest.bus[name]


def tables(text):
    """The rows of each section's table, as lists of cells."""
    sections = {}
    for line in text.splitlines():
        if line.startswith("#"):
            rows = sections[line.lstrip("# ")] = []
        elif line.startswith("| "):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return sections


def test_markdown(found, manifest):
    sections = tables(found["gemm_ws_axi_registers.md"])
    _, *rows = sections["Registers of gemm_ws_axi"]
    registers = manifest.bus["registers"]
    assert [[int(row[0], 16), row[1], int(row[3], 16), row[4]] for row in rows] == [
        [entry["offset"], f"`{entry['name']}`", entry["reset"], entry["meaning"]]
        for entry in registers
    ]
    for entry in registers:
        parts = [part for part in entry["fields"] if part["name"] != "value"]
        assert len(sections.get(entry["name"], [None])) - 1 == len(parts)
        for row, part in zip(sections.get(entry["name"], [])[1:], parts, strict=True):
            high, _, low = row[0].partition(":")
            assert int(low or high) == part["low"]
            assert int(high) == part["low"] + part["width"] - 1
            assert row[1:] == [f"`{part['name']}`", part["meaning"]]
    assert [row[0] for row in sections["Errors"][1:]] == [
        str(error["number"]) for error in manifest.bus["errors"].values()
    ]
    lane = sections["weights"][1]
    assert lane == ["39:0", "`lane`", "5 × signed, 8 bits, the first in the low bits"]


def test_system_rdl(found, manifest):
    text = found["gemm_ws_axi_registers.rdl"]
    assert text.count("{") == text.count("}")
    places = re.findall(r"^  } (\w+) @ (0x\w+);$", text, re.M)
    assert [(name, int(offset, 16)) for name, offset in places] == [
        (entry["name"], entry["offset"]) for entry in manifest.bus["registers"]
    ]
    digest = text[: text.index("} DIGEST @")].rsplit("field {", 1)[1]
    assert f"value[31:0] = 0x{manifest.digest[:8].lstrip('0')};" in digest
    assert "sw = r; hw = w;" in digest
