"""Files with a program: a container, or the bytes of instructions alone."""

from dataclasses import dataclass
from pathlib import Path

from .container import MAGIC, Container
from .core import Core
from .instruction import Instruction, InstructionSet

__all__ = ["ProgramFile"]


@dataclass(frozen=True)
class ProgramFile:
    """A program that was read from a file.

    Attributes
    ----------
    path : Path
    program : list of Instruction
    container : Container or None
        The container that it came from.
    """

    path: Path
    program: list[Instruction]
    container: Container | None

    @classmethod
    def read(cls, path: Path | str, instructions: InstructionSet) -> "ProgramFile":
        """The program in a file.

        Raises
        ------
        ValueError
            If the file cannot be read, is damaged, or holds a word that is no instruction.
        """
        path = Path(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ValueError(f"Program {path} cannot be read: {error.strerror}") from None
        container = None
        if content.startswith(MAGIC):
            container = Container.from_bytes(content, str(path))
            content = container.program
        try:
            return cls(path, instructions.decode_program(content), container)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def check_core(self, core: Core) -> None:
        """Check that a container was compiled for a core.

        Raises
        ------
        ValueError
            If it was compiled for another one.
        """
        if self.container is not None and self.container.digest != core.digest:
            raise ValueError(
                f"{self.path} was compiled for npu-{self.container.digest}, not for "
                f"npu-{core.digest}: compile it again for this core"
            )

    def origin(self, number: int) -> str:
        """What the container's source map says of an instruction."""
        origins = self.container.source_map if self.container is not None else []
        return str(origins[number]) if number < len(origins) else ""

    @property
    def segments(self) -> dict[str, int] | None:
        """Bytes of the segments of DRAM; ``None`` if they are not known."""
        return (self.container.segments if self.container is not None else None) or None
