"""Real numbers that codes of result formats stand for."""

import numpy as np

__all__ = ["float_values"]


def float_values(codes: np.ndarray, name: str) -> np.ndarray:
    """The numbers, float32, of integer codes of ``"fp32"``, ``"bf16"`` or ``"fp16"``."""
    if name == "fp16":
        return codes.astype(np.uint16).view(np.float16).astype(np.float32)
    return (codes << {"fp32": 0, "bf16": 16}[name]).astype(np.uint32).view(np.float32)
