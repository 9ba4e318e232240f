"""Workload files in CSV: SCALE-Sim's topologies."""

import re

import pytest
from brickwork.gen import workloads

CONVOLUTIONS = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
Conv1, 224, 224, 7, 7, 3, 64, 2,

Conv2_DP, 114, 114, 3, 3, 32, 1, 1,
Uneven, 9, 12, 2, 3, 5, 6, 4,
FC,1,1,1,1,512,1000,1,
"""
#: M, K, N of SCALE-Sim 2.0.2, and the number of equal layers.
PRODUCTS = [
    ("Conv1", 1, 110 * 110, 147, 64),
    ("Conv2_DP", 32, 112 * 112, 9, 1),
    ("Uneven", 1, 3 * 4, 30, 6),
    ("FC", 1, 1, 512, 1000),
]

GEMM = "Layer, M, N, K,\none, 128, 64, 32,\ntwo, 1, 2, 3,\n"


@pytest.fixture
def load(tmp_path):
    def load(text, name="mine.csv", **options):
        (tmp_path / name).write_text(text, **({"encoding": "utf-8"} | options))
        return workloads.load(name, tmp_path)

    return load


def products(workload):
    return [(each.name, each.count, each.m, each.k, each.n) for each in workload.layers]


def test_convolutions(load):
    workload = load(CONVOLUTIONS)
    assert (workload.name, workload.title, workload.source) == ("mine", "mine", "")
    assert products(workload) == PRODUCTS
    assert {layer.weights for layer in workload.layers} == {1.0}


# SCALE-Sim leaves its file open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_as_in_scalesim(load, tmp_path):
    topology = pytest.importorskip("scalesim.topology_utils").topologies()
    load(CONVOLUTIONS)
    topology.load_arrays(str(tmp_path / "mine.csv"))
    expected = [
        (m // n, k, n) for m, n, k in topology.get_transformed_mnk_dimensions()
    ]  # its M is that of all filters
    assert expected == [shape for _, count, *shape in PRODUCTS for shape in [tuple(shape)] * count]
    topology.topo_calc_hyperparams()
    counts = [macs for _, _, macs, _ in topology.layers_calculated_hyperparams]
    assert sum(counts) == load(CONVOLUTIONS).macs


def test_products(load):
    expected = [("one", 1, 128, 32, 64), ("two", 1, 1, 3, 2)]
    assert products(load(GEMM)) == expected
    # Order, case, spaces, commas and blank lines do not matter; nor do marks and ends of lines.
    other = "k,n,m,LAYER NAME\n\n , ,,\n32,64,128,one\n3,2,1, two ,,,\n\n"
    assert products(load(other)) == expected
    assert products(load(other, encoding="utf-8-sig", newline="\r\n")) == expected
    assert products(load(GEMM, "Net.CSV")) == expected


def test_short_names(load):
    assert products(load("H,W,R,S,C,N,stride\n8,9,3,2,4,5,2\n")) == [("line 2", 1, 4 * 5, 24, 5)]
    header = "Layer_name,W,H,Filter Height,S,C,Num Filter,Stride Width,Stride Height"
    assert products(load(f"{header}\na,9,8,3,2,4,5,1,2\n")) == [("a", 1, 4 * 8, 24, 5)]


def test_sparsity(load):
    one, two = load("Layer,M,N,K,Sparsity\na,4,4,4,1:4\nb,4,4,4\n").layers
    assert (one.weights, one.macs, two.weights) == (0.25, 16, 1.0)
    assert (one.pattern, two.pattern) == ("1:4", None)


HEADERS = "columns must be Layer name, IFMAP Height, .*, Strides, or Layer, M, N, K; "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", " must begin with the names of columns: Layer name, IFMAP Height, "),
        (" ,,\n\n", " must begin with the names of columns: Layer name, IFMAP Height, "),
        ("Layer,M,N,K\n\n", " must have a layer below the names of columns$"),
        ("Layer,M,N\na,1,1\n", f", line 1: {HEADERS}k is missing$"),
        ("\nLayer,M,N,Q\n", f", line 2: {HEADERS}'Q' is none of them$"),
        ("Layer,M,M,K\n", f", line 1: {HEADERS}'M' is there twice$"),
        ("Conv1,224,224,7,7,3,64,2,\n", f", line 1: {HEADERS}'Conv1' is none of them$"),
        (CONVOLUTIONS.replace("Channels, ", ""), f", line 1: {HEADERS}channels is missing$"),
        (
            CONVOLUTIONS.replace("Strides", "Stride H"),
            f", line 1: {HEADERS}stride width is missing$",
        ),
        ("Layer,M,N,K,C\n", f", line 1: {HEADERS}channels is none of them$"),
        (
            "Layer,M,N,K\na,1,1,1\n\nb,1,x,1",
            ", line 4: N must be an integer from 1 to 16777216, not 'x'$",
        ),
        ("Layer,M,N,K\na,1,1", ", line 2: K must be an integer from 1 to 16777216, not ''$"),
        ("Layer,M,N,K\na,0,1,1", ", line 2: M must be an integer from 1 to 16777216, not '0'$"),
        ("Layer,M,N,K\na,²,1,1", ", line 2: M must be an integer from 1 to 16777216, not '²'$"),
        ("Layer,M,N,K\na,1,1,1,5", ", line 2 must have 4 columns, as the first, not 5$"),
        ("Layer,M,N,K\nAlphaGo,", ", line 2: M must be an integer from 1 to 16777216, not ''$"),
        ("Layer,M,N,K,Sparsity\na,1,1,1,5:4", ", line 2: Sparsity must be N:M, .*, not '5:4'$"),
        (
            CONVOLUTIONS.replace("7, 7, 3", "7, 225, 3"),
            ", line 2: filter width must be at most 224, that of the IFMAP, not 225$",
        ),
        (
            "H,W,R,S,C,N,stride\n5000,5000,1,1,1,1,1\n",
            ", line 2: M must be at most 16777216, not 25000000$",
        ),
    ],
)
def test_refused(load, tmp_path, text, message):
    with pytest.raises(ValueError, match=f"^Workload {re.escape(str(tmp_path))}/mine.csv{message}"):
        load(text)
