"""Host model of the GEMM engine whose operand widths are set at run time (Bit Fusion)."""

import numpy as np

from ..golden import formats
from ..golden.engine import width_product
from ..golden.fusion.gemm_fusion import gemm_fusion
from ..host.packing import pack
from ._gemm import Gemm
from ._gemm_job import padded
from .gemm_ws import WeightStationaryJob

__all__ = ["FusionJob", "GemmFusion"]

_WIDTHS = (2, 4, 8, 16)


class FusionJob(WeightStationaryJob):
    """A :class:`WeightStationaryJob` with as many terms a row as a PE multiplies at once.

    Operands are packed in lanes of 32 bits, several steps in a word where they are narrow, in the
    order that the engine of ``brickwork.hdl.fusion`` defines. Operands of 16 bits take a pass for
    each of their bytes.
    """

    def __init__(self, manifest, shape, a=None, w=None, qparams=None, **options):
        super().__init__(manifest, shape, a, w, qparams, **options)
        # The first tile changes the mode, and with several passes every pass does.
        switches = len(self.tiles) * len(self.passes) if len(self.passes) > 1 else 1
        waits = switches * self.timing["mode_switch"]
        self.cycle_bound += waits
        self.formula = self.formula.replace(" = ", " + changes of mode = ") + f" + {waits}"
        self._switch = self.timing["mode_switch"] - 1

    def _mode_changes(self):
        # The mode of the PEs: signs of the two bytes, and the shift of the sums.
        signs = self.modes["a_signed"], self.modes["w_signed"]
        settings = [(signs[0] and i == 0, signs[1] and j == 0, i + j) for i, j in self.passes]
        after = settings[1:] + settings[:1]
        return [now != then for now, then in zip(settings, after, strict=True)]

    def _words_per_tile(self, rows):
        weights = -(-self.rows // (self.a_bits // 2))
        acts = -(-len(rows) // (self.w_bits // 2))
        return {"tiles": 1, "weights": weights, "acts": acts}

    def _set_modes(self, k, a_bits=8, w_bits=8, a_signed=1, w_signed=1):
        for name, bits in (("a_bits", a_bits), ("w_bits", w_bits)):
            if bits not in _WIDTHS:
                raise ValueError(f"Mode {name} must be 2, 4, 8 or 16, not {bits!r}")
        for name, flag in (("a_signed", a_signed), ("w_signed", w_signed)):
            if flag not in (0, 1):
                raise ValueError(f"Mode {name} must be 0 or 1, not {flag!r}")
        self.modes = {"a_bits": a_bits, "w_bits": w_bits}
        self.modes |= {"a_signed": int(a_signed), "w_signed": int(w_signed)}
        self.a_bits, self.w_bits = min(a_bits, 8), min(w_bits, 8)
        self.terms = 64 // (self.a_bits * self.w_bits)
        self.passes = [(i, j) for i in range(a_bits // 8 or 1) for j in range(w_bits // 8 or 1)]
        return k

    def _digits(self):
        def in_bytes(values, bits):
            return [values] if bits <= 8 else [values >> 8, values & 255]

        a_digits = in_bytes(self.a, self.modes["a_bits"])
        w_digits = in_bytes(self.w, self.modes["w_bits"])
        codes = self.manifest.derived["width_codes"]
        modes = [
            {
                "a_bits": codes[str(self.a_bits)],
                "w_bits": codes[str(self.w_bits)],
                # The low one of two bytes has no sign.
                "a_signed": self.modes["a_signed"] * (i == 0),
                "w_signed": self.modes["w_signed"] * (j == 0),
                "shift": (len(a_digits) - 1 - i) + (len(w_digits) - 1 - j),
            }
            for i, j in self.passes
        ]
        return a_digits, w_digits, modes

    def _golden(self):
        return width_product(
            self.manifest, self.a, self.w, self.qparams, product=self.product, **self.modes
        )

    def _weights(self, digits, columns):
        words = []
        for digit in digits:
            digit = digit[:, columns.start : columns.stop]
            digit = padded(digit, self.k_tiles * self.tile_terms, self.cols)
            # Tile, row, product's two indices, column; the last row first.
            shape = (self.k_tiles, self.rows, 8 // self.a_bits, 8 // self.w_bits, self.cols)
            digit = digit.reshape(shape)[self.kept[columns], ::-1].transpose(0, 1, 4, 2, 3)
            words.append(_steps(digit, self.w_bits, self.a_bits // 2))
        return pack(np.concatenate([words[j] for _, j in self.passes]), 32)

    def _rows(self, digit, rows, tiles):
        digit = padded(digit[rows.start : rows.stop], len(rows), self.k_tiles * self.tile_terms)
        shape = (len(rows), self.k_tiles, self.rows, 8 // self.a_bits, 8 // self.w_bits)
        digit = digit.reshape(shape)[:, tiles].transpose(1, 0, 2, 4, 3)
        words = pack(_steps(digit, self.a_bits, self.w_bits // 2), 32)
        return words.reshape(len(tiles), -1, words.shape[-1])


def _steps(operands: np.ndarray, bits: int, steps: int) -> np.ndarray:
    """Words of 32-bit lanes, from operands: tile × step × lane × byte × position in the byte."""
    tiles, count, lanes, size, _ = operands.shape
    operands = operands & ((1 << bits) - 1)
    in_bytes = (operands << (np.arange(8 // bits) * bits)).sum(axis=-1)
    values = (in_bytes << (np.arange(size) * 8)).sum(axis=-1)
    values = np.pad(values, ((0, 0), (0, -count % steps), (0, 0)))
    values = values.reshape(tiles, -1, steps, lanes)
    values = (values << (np.arange(steps) * 32 // steps)[:, None]).sum(axis=2)
    return values.reshape(-1, lanes)


class GemmFusion(Gemm):
    """Weight-stationary GEMM engine with widths that are set at run time (Bit Fusion)."""

    bench = "brickwork.sim.tb.fusion.gemm_fusion"
    number = 3
    job_class = FusionJob
    depth_parameter = "acc_depth"
    # Weights are asked for when they are there, if a word has several steps.
    unhurried = frozenset({"weights"})

    def side_modes(self, side):
        return [
            ({f"{side}_bits": bits, f"{side}_signed": signed}, _integer(bits, signed))
            for bits in _WIDTHS
            for signed in (0, 1)
        ]

    def widest_modes(self):
        return {"a_bits": 16, "w_bits": 16}

    def word_model(self, descriptors, weights, acts, qparams):
        product = self.job_class.product
        return gemm_fusion(self.manifest, descriptors, weights, acts, qparams, product)

    def example_modes(self):
        """Different widths and signs."""
        return [
            {"a_bits": 8, "w_bits": 8, "a_signed": 1, "w_signed": 1},
            {"a_bits": 2, "w_bits": 4, "a_signed": 0, "w_signed": 1},
            {"a_bits": 16, "w_bits": 2, "a_signed": 1, "w_signed": 0},
        ]


def _integer(bits: int, signed: int) -> formats.Format:
    return formats.get(f"{'' if signed else 'u'}int{bits}")
