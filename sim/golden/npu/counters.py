"""Counters of events."""

from collections.abc import Iterable

__all__ = ["WIDTHS", "counters"]

_LONG, _SHORT = 64, 32
#: Names of the events and bits of their counters, in order.
WIDTHS = {
    "cycles": _LONG,
    "busy_load": _LONG,
    "tokens_load": _SHORT,
    "bank_load": _SHORT,
    "dram_load": _SHORT,
    "busy_matrix": _LONG,
    "tokens_matrix": _SHORT,
    "bank_matrix": _SHORT,
    "busy_vector": _LONG,
    "tokens_vector": _SHORT,
    "bank_vector": _SHORT,
    "busy_store": _LONG,
    "tokens_store": _SHORT,
    "bank_store": _SHORT,
    "dram_store": _SHORT,
    "steps": _SHORT,
    "no_weights": _SHORT,
    "no_acts": _SHORT,
    "no_room": _SHORT,
    "reads": _SHORT,
    "writes": _SHORT,
}


def counters(sequence: Iterable[set[str]]) -> dict[str, int]:
    """How often each event happened since the last ``"clear"``, in a sequence of sets of events."""
    values = dict.fromkeys(WIDTHS, 0)
    for events in sequence:
        if "clear" in events:
            values = dict.fromkeys(WIDTHS, 0)
        else:
            values |= {name: (values[name] + 1) % (1 << WIDTHS[name]) for name in events}
    return values
