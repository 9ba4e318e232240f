"""Operands of the engine with scales for groups of terms."""

from typing import TYPE_CHECKING

import numpy as np

from ...sim.designs import registry
from ...sim.designs.gemm_scaled import GroupScales
from ...sim.golden import formats
from ...sim.golden.formats import BlockScaled, BlockSpec
from ...sim.golden.formats.block_quantizer import block_names
from ..lib.errors import UsageError
from ._gemm_task import GemmTask, Matrix
from ._operands import Operands

if TYPE_CHECKING:
    from .gemm_scaled import GemmScaled

__all__ = ["ScaledTask", "fitted"]

#: Terms of groups of integers in practice.
_GROUPS = (128, 64, 32, 16)


def fitted(operands: Operands) -> dict:
    """Formats of operands that have scales for blocks; activations without are like the weights.

    MX and NVFP4 weights meet activations of the same format, integers meet fp16. Floats for W have
    the largest groups that divide K.
    """
    w, a = operands.w.blocks, operands.a.blocks
    settings: dict = {}
    if w is None and operands.w.values.ndim == 2:
        terms = len(operands.w.values)
        settings["group"] = next((size for size in _GROUPS if terms % size == 0), terms)
    if w is not None:
        w = w.centred()
        settings |= {"w_format": w.element_format, "w_scale": w.scale_format, "group": w.group}
        if w.scale_format in ("e8m0", "e4m3"):
            settings |= {"a_format": w.element_format, "a_scale": w.scale_format}
    if a is not None:
        settings |= {"a_format": a.element_format, "a_scale": a.scale_format}
    return settings


class ScaledTask(GemmTask):
    """A product of operands with scales for groups of terms.

    Floats for W are quantized in groups; floats for A as well, if A has scales, else they are
    rounded to fp16, bf16 or tf32, or quantized with one scale.

    Attributes
    ----------
    scales : GroupScales
    """

    design: "GemmScaled"

    def _check_output(self):
        """There are neither options nor modes of outputs."""

    def _quantize(self):
        design = self.design
        a, w = self._operands.a, self._operands.w
        of_w = self._blocks("w", w, 0)
        if of_w.scale_format != design.w_scale:
            raise UsageError(
                f"W has scales in {of_w.scale_format}, not in {design.w_scale}; use --set "
                f"w_scale={of_w.scale_format}"
            )
        numbers = None if w.blocks else np.asarray(w.values, np.float64)
        self.w = self._matrix_of("w", of_w, numbers)
        self.padded = False
        terms = of_w.terms
        if a.values.ndim != 2 or a.values.shape[1] != terms:
            raise ValueError(f"A must be M × {terms}, as W has {terms} rows, not {a.values.shape}")
        design.check_k(terms, self._modes)
        if of_w.group > design.group:
            raise UsageError(
                f"Groups of W must have at most {design.group} terms (group), not {of_w.group}; "
                f"use --set group={of_w.group}"
            )
        of_a = self._activations(a, of_w)
        scales_a = None
        if of_a is not None:
            if of_a.group != of_w.group:
                raise UsageError(
                    f"Groups of A must have {of_w.group} terms, as those of W, not {of_a.group}"
                )
            scales_a = of_a.scales.astype(np.int64)
        self.scales = GroupScales(group=of_w.group, w=of_w.scales.astype(np.int64), a=scales_a)

    def _activations(self, a, of_w) -> BlockScaled | None:
        """Sets ``a``; returns its blocks, if it has any."""
        design, order = self.design, of_w.order
        if design.a_scale != "none":
            of_a = self._blocks("a", a, 1)
            if of_a.scale_format != design.a_scale:
                raise UsageError(
                    f"A has scales in {of_a.scale_format}, not in {design.a_scale}; use --set "
                    f"a_scale={of_a.scale_format}"
                )
            if order is not None:
                raise UsageError(
                    "W must be in the order of K for activations with scales for blocks, not in "
                    "act-order"
                )
            numbers = None if a.blocks else np.asarray(a.values, np.float64)
            self.a = self._matrix_of("a", of_a, numbers)
            return of_a
        if a.blocks is not None:
            raise UsageError(
                f"A must have no scales for blocks with a_scale=none; use --set "
                f"a_scale={a.blocks.scale_format}"
            )
        names = design.formats("a", self._modes)
        matrix = self._matrix("a", a, names, axis=None, k_axis=1)
        if order is not None:
            numbers = matrix.numbers
            matrix = Matrix(
                codes=matrix.codes[:, order],
                type=matrix.type,
                scale=np.ones(()) if matrix.scale is None else matrix.scale,
                numbers=matrix.values(1) if numbers is None else numbers,
            )
        self.a = matrix
        return None

    def _blocks(self, side, source, axis) -> BlockScaled:
        """The operand of a side with scales for blocks along an axis."""
        name, blocks = side.upper(), source.blocks
        if blocks is not None:
            if blocks.axis != axis:
                raise UsageError(
                    f"Blocks of {name} must lie along K, its axis {axis}, not along axis "
                    f"{blocks.axis}"
                )
            return blocks.centred()
        if source.is_sparse or source.values.dtype.kind != "f" or source.type is not None:
            raise UsageError(
                f"{name} must be floats, or a matrix with scales for blocks; see brickwork "
                "quantize --help"
            )
        k = source.values.shape[axis] if source.values.ndim == 2 else self.design.group
        spec = BlockSpec.parse(self._spec(side, k))
        if spec.group and k % spec.group:
            raise UsageError(
                f"K must be a multiple of the group of {spec.group}, not {k}; pad A and W with "
                "zeros"
            )
        return formats.quantize_blocks(source.values, spec.name, axis)

    def _spec(self, side, k):
        """The name of the block format that the parameters stand for, for K terms."""
        design = self.design
        element = self.design.formats(side, self._modes)[0]
        scale = getattr(design, f"{side}_scale")
        specs = [BlockSpec.parse(name) for name in block_names()]
        matches = [
            spec
            for spec in specs
            if (spec.format, spec.scale_format, spec.group or k) == (element, scale, design.group)
        ]
        if not matches:
            raise UsageError(
                f"{side.upper()} must be quantized beforehand to {element} with {scale} scales of "
                f"{design.group} terms; see brickwork quantize --help"
            )
        return matches[0].name

    def _matrix_of(self, side, blocks, numbers):
        names = self.design.formats(side, self._modes)
        if blocks.element_format not in names:
            raise ValueError(
                f"{side.upper()} is in the format {blocks.element_format}, not in "
                f"{' or '.join(names)}; use {self.design.remedy(side, blocks.element_format)}"
            )
        return Matrix(
            codes=blocks.elements,
            type=blocks.element_format,
            scale=np.asarray(blocks.tensor_scale * 2.0**-blocks.fraction_bits),
            numbers=blocks.values if numbers is None else numbers,
        )

    def _quant_params(self):
        return None

    def job(self, manifest):
        model = registry.model(manifest)
        self._job = model.job(self.a.codes, self.w.codes, None, scales=self.scales, **self._modes)
        return self._job
