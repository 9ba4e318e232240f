"""Checks of parameters: their messages, which other tests match whole."""

import pytest
from brickwork.hdl.checks import check_choice, check_integer, check_relation


@pytest.mark.parametrize(
    ("value", "limits", "error", "wanted"),
    [
        (0, (1,), ValueError, "a positive integer"),
        (-1, (0,), ValueError, "a non-negative integer"),
        (1, (2,), ValueError, "an integer of at least 2"),
        (9, (2, 8), ValueError, "an integer from 2 to 8"),
        ("4", (1,), TypeError, "a positive integer"),
        (4.0, (2, 8), TypeError, "an integer from 2 to 8"),
        (True, (0,), TypeError, "a non-negative integer"),
    ],
)
def test_integers(value, limits, error, wanted):
    with pytest.raises(error) as caught:
        check_integer("Row count", value, *limits)
    assert str(caught.value) == f"Row count must be {wanted}, not {value!r}"


@pytest.mark.parametrize(("value", "limits"), [(1, (1,)), (0, (0,)), (2, (2, 8)), (8, (2, 8))])
def test_integers_in_range(value, limits):
    check_integer("Row count", value, *limits)


@pytest.mark.parametrize(("value", "error"), [("c", ValueError), (1, TypeError)])
def test_choices(value, error):
    check_choice("Mode", "b", ["a", "b"])
    with pytest.raises(error) as caught:
        check_choice("Mode", value, ["a", "b", "d"])
    assert str(caught.value) == f"Mode must be 'a', 'b' or 'd', not {value!r}"


def test_relations():
    check_relation(True, "not said")
    with pytest.raises(ValueError, match=r"^said$"):
        check_relation(False, "said")
