"""The host models of the designs, by the design's name in a manifest."""

import importlib

from .. import plugins
from ..manifest import Manifest
from .base import CoreModel

__all__ = ["MODELS", "model"]

#: Design to the module and class of its host model; a new design adds its line here.
MODELS = {
    "gemm_ws": (".gemm_ws", "GemmWs"),
    "gemm_float": (".gemm_ws", "GemmWs"),  # the hardware of gemm_ws with arith=fp32, by itself
    "gemm_os": (".gemm_os", "GemmOs"),
    "gemm_os_float": (".gemm_os", "GemmOs"),  # that of gemm_os with arith=fp32, by itself
    "gemm_fusion": (".gemm_fusion", "GemmFusion"),
    "gemm_nm": (".gemm_nm", "GemmNm"),
    "gemm_outlier": (".gemm_outlier", "GemmOutlier"),
    "gemm_scaled": (".gemm_scaled", "GemmScaled"),
    "gemm_binary": (".gemm_binary", "GemmBinary"),
    "eie": (".eie", "Eie"),
    "npu": (".npu", "Npu"),
}


def model(manifest: Manifest) -> CoreModel:
    """The host model of the design that a manifest describes.

    Raises
    ------
    ValueError
        If no host model has that name, or a plug-in of the manifest is not loaded.
    """
    manifest.check_plugins()
    if manifest.design in MODELS:
        module, name = MODELS[manifest.design]
        return getattr(importlib.import_module(module, __package__), name)(manifest)
    plugged = {
        design.NAME: class_
        for each in plugins.loaded()
        for design, class_ in each.plugin.designs.items()
    }
    if manifest.design not in plugged:
        names = ", ".join([*MODELS, *plugged])
        raise ValueError(f"Design must be one of {names}, not {manifest.design!r}")
    return plugged[manifest.design](manifest)
