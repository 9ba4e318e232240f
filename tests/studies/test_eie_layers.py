"""The measurements of the sparse engine on layers of a sixteenth of the paper's sizes."""

import numpy as np
import pytest
from brickwork.gen.studies import eie
from brickwork.gen.studies.study import check


@pytest.mark.parametrize("name", eie.LAYERS)
def test_densities(name):
    layer = eie.LAYERS[name]
    indices, codebook, a = eie.operands(name, eie.QUICK)
    assert indices.shape == (layer.n // eie.QUICK, layer.k // eie.QUICK)
    assert indices.max() < len(codebook) == 16
    assert codebook[0] == 0
    for values, density in ((indices, layer.weights), (a, layer.acts)):
        deviation = np.sqrt(density * (1 - density) / values.size)
        assert abs(np.mean(values != 0) - density) <= 4 * deviation
    again = eie.operands(name, eie.QUICK)
    assert all(map(np.array_equal, (indices, codebook, a), again))


def test_small(tmp_path):
    layers, configurations = ["VGG-7", "NT-We"], ["EIE's", "all options"]
    records = eie.cycles(tmp_path, quick=True, layers=layers, configurations=configurations)
    check(records)
    assert [(row["configuration"], row["layer"]) for row in records] == [
        (configuration, layer) for configuration in configurations for layer in layers
    ]
    for row in records:
        assert row["exact"] is True
        assert row["busy"] <= row["pes"] * row["bound"]
        assert row["bound"] < row["cycles"] < 1.5 * row["bound"]
    for slow, fast in zip(records[:2], records[2:], strict=True):
        assert fast["cycles"] < 0.9 * slow["cycles"]
        assert fast["padding"] == 0 < slow["padding"] or slow["layer"] == "NT-We"


def test_two_entries(tmp_path):
    """As many entries and filling zeros in half the cycles, which the bound knows."""
    configurations = ["EIE's", "two entries a cycle"]
    one, two = eie.cycles(tmp_path, quick=True, layers=["NT-LSTM"], configurations=configurations)
    check([one, two])
    assert two["bound"] < two["cycles"] < one["bound"] < one["cycles"]
    assert two["busy"] < one["busy"] == one["entries"] < two["entries"] < 2 * two["busy"] + 1
    assert two["padding"] > one["padding"]


def record(configuration, layer, **fields):
    return {
        "table": "cycles",
        "configuration": configuration,
        "layer": layer,
        "cycles": 1000,
        "fill_cycles": 5000,
        "entries": 4000,
        "padding": 400,
        "entry_bits": 32_000_000,
        "busy": 3600,
        "pes": 4,
        "bound": 950,
        "exact": True,
        "paper_cycles": 2000,
        "paper_theoretical_cycles": 1800,
    } | fields


def test_rows():
    records = [record("one", "a"), record("one", "b", cycles=1500), record("two", "a")]
    first, *others = eie.rows(records)
    assert first == {
        "configuration": "one",
        "layer": "a",
        "paper": 2000,
        "theoretical": 1800,
        "cycles": 1000,
        "of_paper": "0.500",
        "bound": 950,
        "busy/PE": 900,
        "of_busy": "1.111",
        "balance_%": "90.0",
        "at_most_%": "94.7",
        "padding_%": "10.0",
        "KiB": 3906,
        "exact": True,
    }
    changed = {"cycles": 1500, "of_paper": "0.750", "of_busy": "1.667", "balance_%": "60.0"}
    total = {"layer": "all", "paper": 4000, "theoretical": 3600, "cycles": 2500, "bound": 1900}
    total |= {"of_paper": "0.625", "busy/PE": 1800, "of_busy": "1.389", "KiB": 7812}
    assert others == [
        first | {"layer": "b"} | changed,
        first | total | {"balance_%": "72.0"},
        first | {"configuration": "two"},
    ]


def test_rows_without_the_paper():
    records = [record("one", name, paper_cycles=None) for name in "ab"]
    assert [row["of_paper"] for row in eie.rows(records)] == [None, None, None]


def area(configuration, **fields):
    return {
        "table": "areas",
        "configuration": configuration,
        "logic": 1000.0,
        "registers": 500.2,
        "sram_bits": 16384,
        "unit": "gates",
    } | fields


def test_cost():
    records = [record("one", "a"), record("one", "b", cycles=1500), record("two", "a")]
    records += [area("one"), area("two", registers=700.2, sram_bits=32768)]
    first = {"configuration": "one", "cycles": 2500, "saved_%": "0.0", "logic": 1000}
    first |= {"registers": 500, "more": 0, "more_%": "0.0", "SRAM_KiB": 2}
    second = {"configuration": "two", "cycles": 1000, "saved_%": "60.0", "registers": 700}
    second |= {"more": 200, "more_%": "13.3", "SRAM_KiB": 4}
    assert list(eie.cost(records)) == [first, first | second]
    assert "the area of a PE in gates" in eie.STUDY.text(records)
