"""Errors of programs: the only place with their numbers and meanings."""

__all__ = ["ERRORS"]

#: Numbers and meanings of errors, which go on where those of ``hdl/bus/registers.py`` end.
ERRORS = {
    "OPCODE": (8, "an instruction with an unknown opcode"),
    "FUNCTION": (9, "an instruction with a function that the core lacks"),
    "RESERVED": (10, "an instruction with a bit that is not zero and belongs to no field"),
    "SOURCE": (
        11,
        "weights, or words to store, from a memory that the core does not read them from",
    ),
    "END": (12, "a program that ended without HALT"),
}
