"""Host model of the GEMM engine of one-bit products."""

import itertools

import numpy as np

from ..golden import formats
from ..golden.binary.gemm_binary import gemm_binary
from ..golden.binary.planes import planes
from ..golden.engine import engine
from ..host.packing import pack
from ._gemm import Gemm
from .gemm_ws import WeightStationaryJob

__all__ = ["BinaryJob", "GemmBinary", "format_of"]


def format_of(bits: int, signed: int) -> formats.Format:
    """The format of operands of so many bits: of one bit ``bin``, which has a sign, or ``bit``."""
    if bits == 1:
        return formats.get("bin" if signed else "bit")
    return formats.get(f"{'' if signed else 'u'}int{bits}")


class BinaryJob(WeightStationaryJob):
    """A :class:`WeightStationaryJob` with ``pack`` terms of K a row, and a pass for two planes.

    See :func:`planes`; ``a_bits``, ``w_bits`` (1 to 8), ``a_signed`` and ``w_signed`` are modes.
    """

    def _set_modes(self, k, a_bits=1, w_bits=1, a_signed=None, w_signed=None):
        parameters = self.manifest.parameters
        self.code, self.terms = parameters["code"], parameters["pack"]
        native, serial = int(self.code == "bin"), parameters["serial"]
        self.modes = {"a_bits": a_bits, "w_bits": w_bits}
        for side, signed in (("a", a_signed), ("w", w_signed)):
            bits = self.modes[f"{side}_bits"]
            if bits not in range(1, 9):
                raise ValueError(f"Mode {side}_bits must be an integer from 1 to 8, not {bits!r}")
            if signed not in (None, 0, 1):
                raise ValueError(f"Mode {side}_signed must be 0 or 1, not {signed!r}")
            signed = (native if bits == 1 else 1) if signed is None else int(signed)
            self.modes[f"{side}_signed"] = signed
            if not serial and (bits, signed) != (1, native):
                raise ValueError(
                    f"Mode {side}_bits must be 1, and {side}_signed {native}, without serial=1, "
                    f"not {bits} and {signed}"
                )
        none = np.zeros((1, 1), np.int64)
        counts = [range(len(self._planes(side, none))) for side in "aw"]
        self.passes = list(itertools.product(*counts))
        return k

    def _planes(self, side, codes):
        return planes(codes, self.modes[f"{side}_bits"], self.modes[f"{side}_signed"], self.code)

    def _digits(self):
        a_planes, w_planes = self._planes("a", self.a), self._planes("w", self.w)
        settings = [{}] * len(self.passes)
        if self.manifest.parameters["serial"]:
            settings = [
                {
                    "shift": a_planes[i].shift + w_planes[j].shift,
                    "negative": int(a_planes[i].negative != w_planes[j].negative),
                }
                for i, j in self.passes
            ]
        return [plane.bits for plane in a_planes], [plane.bits for plane in w_planes], settings

    def _descriptors(self, rows, columns, modes):
        values = [{"length": len(rows) - 1, "first": 0, "last": 0} | mode for mode in modes]
        ends = [min((tile + 1) * self.tile_terms, self.k) for tile in range(self.k_tiles)]
        values = [
            tile | {"terms": end - number * self.tile_terms}
            for tile in values
            for number, end in enumerate(ends)
        ]
        values[0]["first"] = values[-1]["last"] = 1
        return self._descriptor_words(values)

    def _golden(self):
        a, w = (
            formats.operands(codes, format_of(*self._width(side)).name, axis=axis)
            for side, codes, axis in (("a", self.a, 1), ("w", self.w, 0))
        )
        return engine(self.manifest, a, w, self.qparams, step=self.tile_terms, product=self.product)

    def _width(self, side):
        return self.modes[f"{side}_bits"], self.modes[f"{side}_signed"]

    def _padded(self, plane, axis, value):
        """A plane with ``value`` behind the last term of K, to whole tiles."""
        missing = [(0, 0), (0, 0)]
        missing[axis] = (0, self.k_tiles * self.tile_terms - self.k)
        return np.pad(plane, missing, constant_values=value)

    def _weights(self, digits, columns):
        words = []
        for plane in digits:
            plane = self._padded(plane[:, columns.start : columns.stop], 0, int(self.code == "bin"))
            plane = np.pad(plane, ((0, 0), (0, self.cols - len(columns))))
            plane = plane.reshape(self.k_tiles, self.rows, self.terms, self.cols)[:, ::-1]
            words.append(plane.transpose(0, 1, 3, 2).reshape(-1, self.cols * self.terms))
        return pack(np.concatenate([words[j] for _, j in self.passes]), 1)

    def _acts(self, digits, rows, columns):
        words = []
        for plane in digits:
            plane = self._padded(plane[rows.start : rows.stop], 1, 0)
            plane = plane.reshape(len(rows), self.k_tiles, self.tile_terms)
            words.append(plane.swapaxes(0, 1).reshape(-1, self.tile_terms))
        return pack(np.concatenate([words[i] for i, _ in self.passes]), 1)


class GemmBinary(Gemm):
    """GEMM engine of one-bit products, and of wider operands bit by bit."""

    bench = "brickwork.sim.tb.binary.gemm_binary"
    number = 7
    job_class = BinaryJob
    depth_parameter = "acc_depth"

    def side_modes(self, side):
        native = int(self.manifest.parameters["code"] == "bin")
        modes = [(1, native)]
        if self.manifest.parameters["serial"]:
            modes += [(1, 1 - native)]
            modes += [(bits, signed) for bits in range(2, 9) for signed in (1, 0)]
        return [
            ({f"{side}_bits": bits, f"{side}_signed": signed}, format_of(bits, signed))
            for bits, signed in modes
        ]

    def widest_modes(self):
        return {"a_bits": 8, "w_bits": 8} if self.manifest.parameters["serial"] else {}

    def word_model(self, descriptors, weights, acts, qparams):
        return gemm_binary(self.manifest, descriptors, weights, acts, qparams)

    def example_modes(self):
        """One bit each; with ``serial`` also integers with and without sign."""
        native = int(self.manifest.parameters["code"] == "bin")
        modes = [{"a_bits": 1, "w_bits": 1, "a_signed": native, "w_signed": native}]
        if self.manifest.parameters["serial"]:
            modes += [
                {"a_bits": 3, "w_bits": 1, "a_signed": 0, "w_signed": 1},
                {"a_bits": 2, "w_bits": 4, "a_signed": 1, "w_signed": 1},
            ]
        return modes
