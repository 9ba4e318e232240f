"""N:M patterns, and which terms of a block are stored."""

import itertools
import re

import numpy as np
import pytest
from brickwork.sim.golden.sparse.nm import Pattern, compress, expand


@pytest.mark.parametrize("text", ["2:4", "1:1", "8:32"])
def test_patterns(text):
    assert str(Pattern.parse(text)) == text


@pytest.mark.parametrize("text", ["", "2", "2:", "0:4", "5:4", "1:33", "2:4:8", " 2:4", "-1:4"])
def test_texts_that_are_no_pattern(text):
    message = f"Pattern must be N:M with 1 ≤ N ≤ M ≤ 32, such as 2:4, not {text!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Pattern.parse(text)


def test_pattern_that_is_no_text():
    with pytest.raises(TypeError, match="Pattern must be N:M with"):
        Pattern.parse(24)


def test_every_quad_is_stored():
    """The positions ascend, hold every non-zero, and give the quad back."""
    quads = [quad for quad in itertools.product((0, 1), repeat=4) if sum(quad) <= 2]
    w = np.array(quads).T * np.arange(5, 9)[:, None]
    positions = compress(w != 0, 2, 4)
    assert (np.diff(positions, axis=1) > 0).all()
    values = np.take_along_axis(w[None], positions, axis=1)
    assert (expand(values, positions, 4)[0] == w).all()
