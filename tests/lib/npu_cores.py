"""Small network processors for tests of programs."""

import functools
import json

from brickwork.hdl.npu import isa
from brickwork.sim.manifest import Manifest
from brickwork.sim.npu.core import Core

__all__ = ["SHAPES", "core", "manifest"]

#: Rows and columns of the arrays.
SHAPES = ((3, 5), (1, 1), (4, 4), (8, 3))

_PARAMETERS = {
    **{"w_format": "int8", "acc_depth": 64, "buffer": 256, "weights": 128, "channels": 64},
    **{"tables": 8, "banks": 4, "dw_x": 3, "dw_y": 1, "rounding": "exact", "queue": 4},
}


@functools.cache
def core(rows=3, cols=5, **parameters):
    """A core of small memories."""
    description = json.loads(json.dumps(isa.description()))
    return Core(**_PARAMETERS | {"rows": rows, "cols": cols, "isa": description} | parameters)


def manifest(rows=3, cols=5, **parameters):
    """A manifest of such a core, without Verilog."""
    return Manifest(
        design="npu",
        digest="0123456789abcdef",
        parameters=_PARAMETERS | {"rows": rows, "cols": cols} | parameters,
        top="npu",
        verilog="npu.v",
        ports=[],
        isa=isa.description(),
    )
