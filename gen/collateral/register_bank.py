"""The registers of a manifest by name: offsets, values and masks."""

__all__ = ["RegisterBank"]


class RegisterBank:
    """The registers of a core behind a bus.

    Parameters
    ----------
    bus : dict
        The manifest's.
    """

    def __init__(self, bus: dict):
        self._registers = {register["name"]: register for register in bus["registers"]}

    def __contains__(self, name: str) -> bool:
        return name in self._registers

    def __getitem__(self, name: str) -> dict:
        return self._registers[name]

    def offset(self, name: str) -> int:
        """Offset in bytes."""
        return self[name]["offset"]

    def reset(self, name: str) -> int:
        """Value after a reset; a constant's only value."""
        return self[name]["reset"]

    def mask(self, name: str, *fields: str) -> int:
        """The value with all bits of some fields set."""
        by_name = {field["name"]: field for field in self[name]["fields"]}
        return sum(
            ((1 << by_name[field]["width"]) - 1) << by_name[field]["low"] for field in fields
        )

    @property
    def size(self) -> int:
        """Bytes up to the end of the last register."""
        return max(register["offset"] for register in self._registers.values()) + 4
