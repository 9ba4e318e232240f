"""``pot<N>`` and ``apot<N>``: powers of two, and sums of a few of them (Li et al., ICLR 2020).

Formats without sign have the prefix ``u``, and N magnitude bits; the others have N - 1, and the
sign bit on top.
"""

import itertools

from .format import Format, make, sign_magnitude

__all__ = ["apot", "pot", "uapot", "upot"]

#: For B magnitude bits the terms of the sum, from the code's high bits down: each is 0 or one of
#: the powers 2^-k. Levels of the authors' ``build_power_value``; the assignment of codes, which
#: they leave open, is ours: index 0 of a term is 0, and indices ascend with the value.
_TERMS = {
    2: [(1, 2, 3)],
    3: [(1, 2, 4), (3,)],
    4: [(1, 3, 5), (2, 4, 6)],
    5: [(1, 3, 6), (2, 4, 7), (5,)],
    6: [(1, 4, 7), (2, 5, 8), (3, 6, 9)],
}


def pot(name: str, bits: int) -> Format:
    return make(name, "pot", sign_magnitude(_powers(bits - 1)))


def upot(name: str, bits: int) -> Format:
    return make(name, "pot", _powers(bits))


def apot(name: str, bits: int) -> Format:
    return make(name, "apot", sign_magnitude(_sums(bits - 1)))


def uapot(name: str, bits: int) -> Format:
    return make(name, "apot", _sums(bits))


def _powers(bits):
    """Code 0 is 0, code k is 2^(k-1)."""
    return [0] + [1 << k for k in range((1 << bits) - 1)]


def _sums(bits):
    """In units of the smallest power that occurs."""
    terms = _TERMS[bits]
    smallest = max(k for term in terms for k in term)
    levels = [sorted([0, *(1 << (smallest - k) for k in term)]) for term in terms]
    return [sum(choice) for choice in itertools.product(*levels)]
