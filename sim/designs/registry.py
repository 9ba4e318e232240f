"""The host models of the designs, by the design's name in a manifest."""

import importlib

from ..manifest import Manifest
from .base import HostModel

__all__ = ["MODELS", "model"]

#: Design to the module and class of its host model; a new design adds its line here.
MODELS = {
    "gemm_ws": (".gemm_ws", "GemmWs"),
    "gemm_os": (".gemm_os", "GemmOs"),
    "gemm_fusion": (".gemm_fusion", "GemmFusion"),
    "eie": (".eie", "Eie"),
}


def model(manifest: Manifest) -> HostModel:
    """The host model of the design that a manifest describes.

    Raises
    ------
    ValueError
        If no host model has that name.
    """
    if manifest.design not in MODELS:
        raise ValueError(f"Design must be one of {', '.join(MODELS)}, not {manifest.design!r}")
    module, name = MODELS[manifest.design]
    return getattr(importlib.import_module(module, __package__), name)(manifest)
