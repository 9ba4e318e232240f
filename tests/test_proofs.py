"""The table of proofs in ``tests/README.md`` is what the tests prove."""

import importlib.util
from pathlib import Path

from proofs import table

TESTS = Path(__file__).parent


def all_proofs():
    """Every proof of a module ``test_*_proofs.py``, unit by unit."""
    for path in sorted(TESTS.glob("*/test_*_proofs.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        values = getattr(module, "PROOFS", {}).values()
        yield from (proof for proof in values if hasattr(proof, "checker"))


def test_table_of_proofs():
    rows = table(all_proofs())
    text = (TESTS / "README.md").read_text()
    section = text.partition("\n## Proofs\n")[2].partition("\n## ")[0]
    shown = [line for line in section.splitlines() if line.startswith("| `")]
    assert shown == rows, "The rows are:\n" + "\n".join(rows)


def test_every_checker_is_used():
    checkers = {proof.checker for proof in all_proofs()}
    assert checkers == set(TESTS.glob("*/formal/*.v"))


def test_every_proof_can_fail():
    assert all(proof.broken or proof.slow for proof in all_proofs())
