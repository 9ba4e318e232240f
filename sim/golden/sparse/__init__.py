"""Compressed matrices, and what the sparse engine makes of them."""

from .codebooks import cluster, distinct, to_fixed
from .eie import eie
from .encode import ROW_MAPPINGS, Encoded, decode, encode

__all__ = [
    "ROW_MAPPINGS",
    "Encoded",
    "cluster",
    "decode",
    "distinct",
    "eie",
    "encode",
    "to_fixed",
]
