"""The engine for sparse matrices and sparse vectors."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from .base import Contender, MatrixDesign, check_choice, option

__all__ = ["Eie"]

#: PEs of a synthesized contender: 64 would take an hour.
_SYNTHESIZED = 2


def _row_mappings():
    from ...sim.golden.sparse import ROW_MAPPINGS

    return ROW_MAPPINGS


@dataclass(frozen=True, kw_only=True)
class Eie(MatrixDesign):
    """Engine for sparse matrices with shared weights and sparse vectors (EIE)."""

    pes: int = option(64, "number of PEs")
    queue_depth: int = option(8, "activations in the queue of a PE")
    columns: int = option(4096, "columns of all matrices in the memories")
    entries: int = option(16384, "entries in the memory of a PE")
    entries_per_word: int = option(8, "entries in a word of that memory")
    entries_per_cycle: int = option(1, "entries that a PE multiplies in a cycle: 1, 2, 4 or 8")
    index_width: int = option(4, "bits of an index into the codebook")
    run_length_width: int = option(4, "bits of the run length of zeros before an entry")
    act_width: int = option(16, "activation width in bits")
    weight_width: int = option(16, "width of the weights in a codebook in bits")
    acc_width: int = option(48, "accumulator width in bits")
    acts: int = option(64, "activations in a PE; longer vectors are taken in portions")
    rows: int = option(64, "accumulators in a PE: rows of a matrix that it computes")
    codebooks: int = option(1, "codebooks: matrices in the memories")
    skip_empty_columns: int = option(1, "whether columns without entries cost no cycle: 0 or 1")

    NAME: ClassVar[str] = "eie"
    MODES: ClassVar[dict[str, type]] = {"row_mapping": str}
    OUTPUT_MODES: ClassVar[dict[str, type]] = {"relu": int}
    MODE_CHOICES: ClassVar[dict] = {"row_mapping": _row_mappings, "relu": lambda: (0, 1)}
    SIZE_LABEL: ClassVar[str] = "{pes} PEs"
    OPTIONS: ClassVar[tuple[str, ...]] = ("shift", "cluster")
    RENAMED: ClassVar[dict[str, str]] = {
        "zeros_width": "run_length_width",
        "value_width": "index_width",
        "books": "codebooks",
        "lanes": "entries_per_cycle",
        "per_word": "entries_per_word",
        "skip": "skip_empty_columns",
        "assign": "row_mapping",
    }
    SHRINK: ClassVar[dict] = {
        "bram": ("entries", "columns", "rows", "pes"),
        None: ("rows", "pes", "entries_per_cycle"),
    }
    POWERS_OF_TWO: ClassVar[tuple[str, ...]] = ("entries", "columns", "pes", "entries_per_cycle")
    driver: ClassVar[str | None] = "eie"
    # With and without sub-trees of the broadcast, and memories of one word.
    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("pes=5", "queue_depth=2", "columns=20", "entries=40", "acts=4", "rows=3", "codebooks=2"),
        ("pes=1", "columns=1", "entries=1", "acts=1", "rows=1", "skip_empty_columns=0"),
    )
    #: The default size is large for a test bench.
    BENCH_CASE: ClassVar[dict[str, int | str]] = {
        "pes": 8,
        "columns": 64,
        "entries": 256,
        "acts": 16,
        "rows": 16,
    }

    def unit(self):
        from ...hdl.sparse import eie

        return eie.Eie(**self.as_dict())

    @staticmethod
    def arguments(parser):
        from ..commands.arguments import integer

        group = parser.add_argument_group(
            "eie",
            "W is dense or a sparse matrix that scipy saved (.npz), A one vector of inputs or a "
            "batch of them. Integers are taken as they are; floats become fixed point, their "
            "weights a codebook. Memories that are not set are as large as the operands need. "
            "--mode: relu=1 takes results below zero to zero; row_mapping=balanced assigns rows "
            "to PEs by their entries (default: modulo).",
        )
        group.add_argument(
            "--shift",
            metavar="S",
            type=integer("Shift", 0, 63),
            help="right shift of the sums, rounded half to even (default: the least that "
            "saturates no result)",
        )
        group.add_argument(
            "--cluster",
            action="store_true",
            help="find a codebook for integers by k-means, as for floats, if they are too many",
        )

    @classmethod
    def fit(cls, settings, operands):
        """Memories that hold the matrix, unless they are set.

        Sizes are powers of two, so that similar matrices need the same core.
        """
        from ._eie_task import EieTask

        design = cls(**settings)
        k, n = operands.w.values.shape if operands.w.values.ndim == 2 else (0, 0)
        for name, size, most in (("inputs", k, 1 << 20), ("outputs", n, design.pes << 16)):
            if size > most:
                raise ValueError(f"W must have at most {most} {name}, not {size}")
        encoded = EieTask.encode(design, operands)
        needed = {
            "columns": (encoded.columns, 1 << 20),
            "entries": (int(encoded.entries.max()), 1 << 24),
            "acts": (-(-encoded.columns // encoded.pes), 1 << 16),
            "rows": (encoded.rows, 1 << 16),
        }
        return dataclasses.replace(
            design,
            **{
                name: min(1 << max(1, (size - 1).bit_length()), most)
                for name, (size, most) in needed.items()
                if name not in settings
            },
        )

    def task(self, operands):
        from ._eie_task import EieTask

        self.check_options(operands)
        return EieTask(self, operands)

    def checked_modes(self, modes):
        modes = {"row_mapping": "modulo"} | modes
        check_choice("Mode row_mapping", modes["row_mapping"], _row_mappings())
        return modes

    def check_layer(self, layer, modes):
        """Checks rows and columns; the number of entries depends on the matrix."""
        for name, needed in (("rows", -(-layer.n // self.pes)), ("columns", layer.k)):
            if needed > getattr(self, name):
                raise ValueError(f"{name} must be at least {needed} for it")

    def usable(self, layer):
        return dataclasses.replace(layer, pattern=None, blocks=None)

    def peak(self, modes):
        return self.pes, self.pes * self.entries_per_cycle

    @classmethod
    def operand_label(cls, side, values, modes):
        labels = {"a": f"int{values.get('act_width')}", "w": f"codebook{values.get('index_width')}"}
        return labels[side]

    @classmethod
    def contenders(cls):
        modes = {"row_mapping": "balanced"}
        return [Contender(name="EIE, 16 bits", design=cls.NAME, modes=modes, order=130)]

    @classmethod
    def comparison(cls, contender, shape, workload):
        pes = shape["rows"] * shape["cols"]
        parameters = contender.set | cls._memories(workload, pes)
        entry = {"design": contender.design, "set": parameters, "modes": contender.modes}
        # PEs take almost all of the area, so the area of a few is scaled to all.
        return [
            entry | {"targets": [], "workloads": [workload.name]},
            entry | {"set": parameters | {"pes": _SYNTHESIZED}},
        ]

    @staticmethod
    def _memories(workload, pes):
        """Sizes of the memories for one layer at a time, with a deep queue."""

        def power(sizes):
            return 1 << max(1, (int(max(sizes)) - 1).bit_length())

        layers = workload.layers
        # Entries are spread almost evenly over PEs; long runs of zeros need padding entries.
        entries = (1.3 * layer.weights * layer.k * layer.n / pes + 64 for layer in layers)
        return {
            "pes": pes,
            "queue_depth": 32,
            "acts": power(-(-layer.k // pes) for layer in layers),
            "rows": power(-(-layer.n // pes) for layer in layers),
            "columns": power(layer.k for layer in layers),
            "entries": power(entries),
        }
