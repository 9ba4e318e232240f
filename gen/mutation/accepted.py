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

    ``signal`` is a pattern as in a shell. ``type``, ``port`` and ``mode`` are those of
    :class:`.netlist.Mutant`; empty they match any. Bits of the port count from ``from_bit`` on, and
    ``resets`` tells whether lost resets alone are meant.
    """

    unit: str
    signal: str
    reason: str
    type: str = ""
    port: str = ""
    mode: str = ""
    from_bit: int = 0
    resets: bool = False

    def matches(self, mutant: dict) -> bool:
        return (
            all(getattr(self, key) in ("", mutant[key]) for key in _KEYS)
            and fnmatch.fnmatchcase(mutant["signal"], self.signal)
            and mutant["port_bit"] >= self.from_bit
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
        accepted.append(Accepted(**entry))
    return accepted


def accept(records: Iterable[dict], accepted: list[Accepted]) -> None:
    """Mark the mutants that survived and are accepted: ``accepted`` becomes the reason."""
    for record in records:
        entries = [entry for entry in accepted if entry.unit == record["unit"]]
        for mutant in record["mutants"]:
            if mutant["state"] == "survived":
                reasons = [entry.reason for entry in entries if entry.matches(mutant)]
                mutant["accepted"] = reasons[0] if reasons else None


def stale(
    records: Sequence[dict], accepted: list[Accepted], cases: Mapping[str, int]
) -> list[Accepted]:
    """Entries of a unit without a bench, or in all of its cases without such a signal.

    ``cases`` are the numbers of cases of all units with a bench.
    """
    signals: dict[str, set[str]] = {}
    for record in records:
        signals.setdefault(record["unit"], set()).update(record["signals"])
    counts = Counter(record["unit"] for record in records)
    return [
        entry
        for entry in accepted
        if entry.unit not in cases
        or (
            counts[entry.unit] == cases[entry.unit]
            and not fnmatch.filter(signals[entry.unit], entry.signal)
        )
    ]
