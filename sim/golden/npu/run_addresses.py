"""Where the runs of LOAD and STORE begin."""

__all__ = ["run_addresses"]


def run_addresses(base: int, n1: int, n2: int, step1: int, step2: int) -> list[int]:
    """Addresses of ``n2`` groups of ``n1`` runs, without a bound."""
    return [base + j * step2 + i * step1 for j in range(n2) for i in range(n1)]
