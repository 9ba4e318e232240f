"""Pieces of Verilog as lists of lines, and words as a wrapper sees them."""

import numpy as np

__all__ = ["indented", "instance", "joined", "signal_range", "slots"]


def signal_range(width: int) -> str:
    """The range in a declaration, with a space behind it; nothing for a single bit."""
    return f"[{width - 1}:0] " if width > 1 else ""


def instance(module: str, name: str, ports: dict, parameters: dict | None = None) -> list[str]:
    """An instance of a module with named ports and parameters."""
    lines = [f"{module} {name} ("]
    if parameters:
        values = ",\n".join(f"  .{key}({value})" for key, value in parameters.items())
        lines = [f"{module} #(", *values.split("\n"), f") {name} ("]
    connections = ",\n".join(f"  .{key}({value})" for key, value in ports.items())
    return [*lines, *connections.split("\n"), ");"]


def joined(name: str, operator: str, signals: list[str]) -> list[str]:
    """A wire that combines signals by an operator."""
    first, *others = signals
    lines = [f"wire {name} = {first}", *(f"  {operator} {signal}" for signal in others)]
    return [*lines[:-1], f"{lines[-1]};"]


def indented(lines: list[str], depth: int) -> list[str]:
    return ["  " * depth + line for line in lines]


def slots(words: np.ndarray, stride: int) -> np.ndarray:
    """Words with zeros above, uint8 array of words × ``stride`` bytes."""
    return np.pad(words, ((0, 0), (0, stride - words.shape[1])))
