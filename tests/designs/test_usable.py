"""The sparsity of a layer that each design can use."""

import pytest
from brickwork import Eie, GemmFusion, GemmNm, GemmOs, GemmWs
from brickwork.gen.workloads import Layer, Sparsity

LAYER = Layer(name="a", count=2, m=3, k=64, n=64, acts=0.5)
BOTH = Sparsity(0.125, "2:4", 16)


@pytest.mark.parametrize(
    ("design", "sparsity", "usable"),
    [
        (GemmOs(), BOTH, Sparsity()),
        (GemmWs(), Sparsity(0.25), Sparsity()),
        (GemmWs(), BOTH, Sparsity(0.25, None, 16)),
        (GemmFusion(), Sparsity(0.1, None, 8), Sparsity(0.1, None, 8)),
        (GemmNm(), BOTH, Sparsity(0.25, "2:4", 16)),
        (GemmNm(), Sparsity(0.25, "1:4"), Sparsity(1.0, "1:4")),
        (GemmNm(group_rows=1), Sparsity(0.5, "2:4"), Sparsity()),
        (Eie(), BOTH, Sparsity(0.125)),
    ],
)
def test_usable(design, sparsity, usable):
    layer = design.usable(LAYER.pruned(sparsity))
    assert layer.sparsity == usable
    assert layer.acts == (0.5 if isinstance(design, Eie) else 1.0)
    assert (layer.m, layer.count) == (3, 2)
