"""Designs by name, and parameters from text."""

import re
from dataclasses import fields

import pytest
from brickwork.gen.designs.registry import DESIGNS, of_manifest, parameters_from_text
from brickwork.gen.emission.emit import outline


@pytest.mark.parametrize(
    ("design", "setting", "message"),
    [
        ("eie", "lanes=2", "Parameter lanes of eie is now called entries_per_cycle"),
        ("eie", "zeros_width=2", "Parameter zeros_width of eie is now called run_length_width"),
        ("gemm_os", "specials=flag", "Parameter specials of gemm_os is now called nan_inf"),
        ("gemm_ws", "row=2", None),
    ],
)
def test_names_that_do_not_exist(design, setting, message):
    names = ", ".join(item.name for item in fields(DESIGNS[design]))
    message = message or (
        f"Parameter of {design} must be one of {names}, not 'row'; did you mean 'rows'?"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parameters_from_text(design, [setting])


@pytest.mark.parametrize("design", DESIGNS)
def test_renamed_parameters_are_gone(design):
    cls = DESIGNS[design]
    names = {item.name for item in fields(cls)} | set(cls.MODES)
    assert not cls.RENAMED.keys() & names
    assert set(cls.RENAMED.values()) <= names


@pytest.mark.parametrize("design", DESIGNS)
def test_outline_tells_the_parameters(design):
    parameters = DESIGNS[design](**DESIGNS[design].BENCH_CASE)
    assert of_manifest(outline(parameters)) == parameters
