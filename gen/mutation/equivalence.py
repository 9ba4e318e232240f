"""Whether a mutant that its bench does not notice is a fault at all."""

from pathlib import Path

from ...sim.manifest import Manifest
from .netlist import Mutant


def judge(manifest: Manifest, mutant: Mutant, folder: Path) -> dict:
    return {}
