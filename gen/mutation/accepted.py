"""Survivors that are accepted, each with a reason, from a TOML file."""

import dataclasses
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path

from ..lib.errors import UsageError

__all__ = ["Accepted", "accept", "read", "stale"]

_KEYS = ("signal", "type", "port", "mode")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accepted:
    """Mutants of a unit at one location, which need not be noticed.

    ``type``, ``port`` and ``mode`` are those of :class:`.netlist.Mutant`; empty they match any.
    ``bits`` are the bits of the port, ``resets`` tells whether lost resets alone are meant.
    """

    unit: str
    signal: str
    reason: str
    type: str = ""
    port: str = ""
    mode: str = ""
    bits: tuple[int, ...] = ()
    resets: bool = False

    def matches(self, mutant: dict) -> bool:
        return (
            all(getattr(self, key) in ("", mutant[key]) for key in _KEYS)
            and (not self.bits or mutant["port_bit"] in self.bits)
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
        entry["bits"] = tuple(entry.get("bits", ()))
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
    records: Iterable[dict], accepted: list[Accepted], units: Collection[str]
) -> list[Accepted]:
    """Entries of a unit that is none of ``units``, or in the records without the signal."""
    signals: dict[str, set[str]] = {}
    for record in records:
        signals.setdefault(record["unit"], set()).update(record["signals"])
    return [
        entry
        for entry in accepted
        if entry.unit not in units
        or (entry.unit in signals and entry.signal not in signals[entry.unit])
    ]
