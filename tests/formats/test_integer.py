"""Integer formats of the hardware, against numpy's types and the golden model's."""

import numpy as np
import pytest
from brickwork.hdl import formats
from brickwork.sim.golden import formats as golden


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("kind", ["int", "uint"])
def test_every_format(kind, bits):
    found, expected = formats.get(f"{kind}{bits}"), golden.get(f"{kind}{bits}")
    for fact in ("name", "bits", "signed", "lowest", "highest"):
        assert getattr(found, fact) == getattr(expected, fact)
    assert (found.shape.width, found.shape.signed) == (bits, kind == "int")
    if bits in (8, 16):
        limits = np.iinfo(found.name)
        assert (found.lowest, found.highest) == (limits.min, limits.max)


@pytest.mark.parametrize("name", ["int1", "int17", "uint1", "uint017", "int 8", "INT8", "", "int"])
def test_no_format(name):
    with pytest.raises(ValueError) as error:  # noqa: PT011, the whole message is compared
        formats.get_integer(name, "Weight format")
    assert str(error.value) == (
        f"Weight format must be int<N> or uint<N> with N from 2 to 16, not {name!r}"
    )
