"""Survivors that are accepted, each with a reason, from a TOML file."""

import dataclasses
import fnmatch
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..lib.errors import UsageError

__all__ = ["Accepted", "accept", "read", "stale"]

_KEYS = ("type", "port", "mode")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accepted:
    """Mutants of a unit at one location, which need not be noticed.

    ``signals``, ``type``, ``port`` and ``mode`` are patterns, as in a shell, of what
    :class:`.netlist.Mutant` has. The bit of the port, or the one that it changes with, is
    ``from_bit`` at least, and ``resets`` tells whether lost resets alone are meant.
    """

    unit: str
    signals: tuple[str, ...]
    reason: str
    type: str = "*"
    port: str = "*"
    mode: str = "*"
    from_bit: int = 0
    resets: bool = False

    def matches(self, mutant: dict) -> bool:
        return (
            any(fnmatch.fnmatchcase(mutant["signal"], signal) for signal in self.signals)
            and all(fnmatch.fnmatchcase(mutant[key], getattr(self, key)) for key in _KEYS)
            and max(mutant["port_bit"], mutant["control_bit"]) >= self.from_bit
            and (mutant["reset"] or not self.resets)
        )


def read(file: Path) -> list[Accepted]:
    """The entries of a file ``[[accepted]]``; none if there is no file.

    Raises
    ------
    UsageError
        If the file is not TOML, or an entry lacks a key or has one too many.
    """
    if not file.is_file():
        return []
    names = {field.name: field for field in dataclasses.fields(Accepted)}
    needed = {name for name, field in names.items() if field.default is dataclasses.MISSING}
    try:
        entries = tomllib.loads(file.read_text("utf-8")).get("accepted", [])
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"File {file} is not TOML: {error}") from None
    accepted = []
    for number, entry in enumerate(entries, 1):
        if not needed <= set(entry) <= set(names) or not entry["reason"]:
            raise UsageError(
                f"Entry {number} of {file} must have {', '.join(sorted(needed))}, and may have "
                f"{', '.join(sorted(set(names) - needed))}, not {', '.join(sorted(entry))}"
            )
        if not isinstance(entry["signals"], list):
            raise UsageError(
                f"Signals of entry {number} of {file} must be a list of patterns, not "
                f"{entry['signals']!r}"
            )
        accepted.append(Accepted(**entry | {"signals": tuple(entry["signals"])}))
    return accepted


def accept(records: Iterable[dict], accepted: list[Accepted]) -> None:
    """Mark the mutants that survived and are accepted: ``accepted`` becomes the reason."""
    for record in records:
        entries = [entry for entry in accepted if entry.unit == record["unit"]]
        for mutant in record["mutants"]:
            if mutant["state"] == "survived":
                reasons = [entry.reason for entry in entries if entry.matches(mutant)]
                mutant["accepted"] = reasons[0] if reasons else None


def stale(records: Sequence[dict], accepted: list[Accepted], cases: Mapping[str, int]) -> list[str]:
    """Accepted signals of a unit without a bench, or that are in none of its cases.

    ``cases`` are the numbers of cases of all units with a bench; those of a unit that were not all
    measured tell nothing.
    """
    signals: dict[str, set[str]] = {}
    for record in records:
        signals.setdefault(record["unit"], set()).update(record["signals"])
    counts = Counter(record["unit"] for record in records)
    return [
        f"{entry.unit}: {signal}"
        for entry in accepted
        for signal in entry.signals
        if entry.unit not in cases
        or (
            counts[entry.unit] == cases[entry.unit]
            and not fnmatch.filter(signals[entry.unit], signal)
        )
    ]
