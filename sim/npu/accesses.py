"""What an instruction reads and writes, word by word on chip and byte by byte in DRAM."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .core import Core
from .instruction import Instruction

__all__ = ["Access", "accesses", "overlap", "overtakes"]

#: Most intervals that are made at once.
_INTERVALS = 1 << 22
_REDUCTIONS = ("reduce_sum", "reduce_max")
_WITHOUT_CHANNELS = ("copy", "window_max", "reduce_max")


@dataclass(frozen=True)
class Access:
    """Addresses that an instruction reads or writes.

    They are ``base`` plus 0 to ``length - 1``, plus any one of each array of ``offsets``.

    Attributes
    ----------
    space : str
        A memory on chip, whose addresses are words, or ``"segment …"``, whose addresses are bytes.
    write : bool
    base, length : int
    offsets : tuple of int arrays
        Not empty ones.
    """

    space: str
    write: bool
    base: int
    length: int = 1
    offsets: tuple[np.ndarray, ...] = ()

    @cached_property
    def lowest(self) -> int:
        """The lowest address."""
        return self.base + sum(int(offsets.min()) for offsets in self.offsets)

    @cached_property
    def highest(self) -> int:
        """The highest address."""
        return self.base + self.length - 1 + sum(int(offsets.max()) for offsets in self.offsets)

    @cached_property
    def intervals(self) -> tuple[np.ndarray, np.ndarray]:
        """First addresses and ends of the intervals that the addresses form, in order."""
        starts, ends = np.array([self.base]), np.array([self.base + self.length])
        for offsets in self.offsets:
            starts, ends = _spread(starts, ends, np.unique(offsets))
        return starts, ends


def _spread(starts, ends, offsets):
    """The union of the intervals moved by each of some offsets."""
    step = max(1, _INTERVALS // len(starts))
    merged = np.empty(0, np.int64), np.empty(0, np.int64)
    for begin in range(0, len(offsets), step):
        moved = offsets[begin : begin + step]
        merged = _merge(
            *(
                np.concatenate([side, np.add.outer(moved, new).ravel()])
                for side, new in zip(merged, (starts, ends), strict=True)
            )
        )
    return merged


def _merge(starts, ends):
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    begins = np.concatenate([[True], starts[1:] > ends[:-1]])
    return starts[begins], ends[np.concatenate([begins[1:], [True]])]


def overlap(a: Access, b: Access) -> tuple[int, int] | None:
    """First and last address of the first interval that two accesses share, if there is one."""
    if a.space != b.space or a.lowest > b.highest or b.lowest > a.highest:
        return None
    (starts, ends), (others, other_ends) = a.intervals, b.intervals
    # The last interval of b that begins ahead of the end of each of a.
    at = np.searchsorted(others, ends) - 1
    shared = (at >= 0) & (other_ends[at] > starts)
    if not shared.any():
        return None
    number = int(np.argmax(shared))
    # The first interval of b that ends behind the beginning of that of a.
    other = int(np.searchsorted(other_ends, starts[number], side="right"))
    first = max(int(starts[number]), int(others[other]))
    return first, min(int(ends[number]), int(other_ends[other])) - 1


def accesses(core: Core, instruction: Instruction) -> list[Access]:
    """All accesses of an instruction, reads first."""
    values = instruction.values
    match instruction.opcode:
        case "load" | "store":
            return _move(core, values, instruction.opcode == "load")
        case "matrix":
            return _matrix(core, values)
        case "vector":
            return _vector(core, values)
    return []


def _steps(count, stride):
    return np.arange(count) * stride


def _move(core, values, load):
    memory = values["memory"]
    words = -(-values["run"] // core.word_bytes[memory])
    chip = Access(
        memory,
        load,
        values["base"],
        words,
        (_steps(values["n1"], values["base1"]), _steps(values["n2"], values["base2"])),
    )
    dram = Access(
        f"segment {values['segment']}",
        not load,
        values["offset"],
        values["run"],
        (_steps(values["n1"], values["stride1"]), _steps(values["n2"], values["stride2"])),
    )
    return [dram, chip] if load else [chip, dram]


def _reached(outputs, stride, taps, dilation, first, bound):
    """Rows or columns within the bound that windows reach."""
    reached = np.add.outer(_steps(outputs, stride), _steps(taps, dilation) + first)
    return np.unique(reached[(reached >= 0) & (reached < bound)])


def _window(values, base, row, blocks):
    """The access of windows to their input; none if all is outside of the bounds."""
    rows = _reached(
        *(values["oh"], values["sy"], values["kh"], values["dy"], values["iy0"], values["ih"])
    )
    columns = _reached(
        *(values["ow"], values["sx"], values["kw"], values["dx"], values["ix0"], values["iw"])
    )
    if not rows.size or not columns.size:
        return []
    return [Access("buffer", False, base, 1, (columns, rows * row, blocks))]


def _matrix(core, values):
    rows, cols, nb = core.rows, core.cols, values["nb"]
    blocks = _steps(values["kc"], values["in_blk"])
    if values["packed"]:
        reads = _packed(core, values)
    else:
        reads = _window(values, values["in_base"], values["in_row"], blocks)
    tiles = values["kc"] * values["kh"] * values["kw"]
    reads.append(Access("weights", False, values["w_base"], nb * tiles * rows))
    if not values["last"]:
        return reads
    columns = (nb - 1) * cols + min(values["out_tail"] or cols, cols)
    reads.append(Access("channels", False, values["p_base"], columns))
    blocks = (values["out_lane"] + np.arange(columns)) // rows * values["out_blk"]
    pixels = _steps(values["ow"], values["out_step"]), _steps(values["oh"], values["out_row"])
    return [*reads, Access("buffer", True, values["out_base"], 1, (*pixels, np.unique(blocks)))]


def _packed(core, values):
    rows = _reached(
        *(values["oh"], values["sy"], values["kh"], values["dy"], values["iy0"], values["ih"])
    )
    if not rows.size:
        return []
    pixel = core.rows * (values["in_blk"] >> 6) + (values["in_blk"] & 63)
    first = values["ix0"] + np.arange(values["ow"]) * pixel
    # Bytes that straddle words: both words.
    words = np.concatenate([first // core.rows, (first + core.rows - 1) // core.rows])
    offsets = (np.unique(words), np.arange(values["kc"]), rows * values["in_row"])
    return [Access("buffer", False, values["in_base"], 1, offsets)]


def _vector(core, values):
    function, nb = values["function"], values["nb"]
    blocks = _steps(nb, values["a_blk"])
    columns, rows = np.arange(values["ow"]), np.arange(values["oh"])
    if "kh" in values:
        reads = _window(values, values["a_base"], values["a_row"], blocks)
    else:
        offsets = (columns, rows * values["a_row"], blocks)
        reads = [Access("buffer", False, values["a_base"], 1, offsets)]
    if "b_mode" in values:
        pixels = (columns, rows * values["b_row"])
        offsets = {
            "tensor": (*pixels, _steps(nb, values["b_blk"])),
            "block": (_steps(nb, values["b_blk"]),),
            "scalar": (),
            "pixel": pixels,
        }
        reads.append(Access("buffer", False, values["b_base"], 1, offsets[values["b_mode"]]))
        reads.append(Access("tables", False, 256 * (values["table"] // 4), 256))
    elif values["table"]:
        reads.append(Access("tables", False, 256 * (values["table"] // 4), 256))
    if function == "depthwise":
        taps = nb * values["kh"] * values["kw"]
        reads.append(Access("buffer", False, values["w_base"], taps))
    if function not in _WITHOUT_CHANNELS:
        lanes = (nb - 1) * core.rows + min(values["tail"] or core.rows, core.rows)
        reads.append(Access("channels", False, values["p_base"], 1 if values["shared"] else lanes))
    outputs = (_steps(nb, values["d_blk"]),)
    if function not in _REDUCTIONS:
        pixels = columns * values["out_step"], rows * values["d_row"]
        outputs = (*pixels, *outputs)
    return [*reads, Access("buffer", True, values["d_base"], 1, outputs)]


def overtakes(core: Core, instruction: Instruction) -> int | None:
    """A word that an instruction may read behind its own write of it, if there is one.

    VECTOR reads the operands of an output ahead of its write, and outputs follow each other in
    their order; of a reduction, operands of a block. MATRIX reads all of a group for each output.
    """
    *reads, write = accesses(core, instruction)
    shared = [read for read in reads if overlap(read, write)]
    if not write.write or not shared:
        return None
    if instruction.opcode != "vector":
        return overlap(shared[0], write)[0]
    values = instruction.values
    words = core.words["buffer"]
    last_read, first_write = np.full(words, -1), np.full(words, np.iinfo(np.int64).max)
    pixels = values["oh"] * values["ow"]
    for block in range(values["nb"]):
        steps = block * pixels + np.arange(pixels)
        for address, step in _reads_of_block(values, block, steps):
            # A later read of a word replaces an earlier one.
            last_read[address] = np.maximum(last_read[address], step)
        outputs = values["d_base"] + block * values["d_blk"]
        if values["function"] in _REDUCTIONS:
            outputs, steps = np.array([outputs]), steps[-1:]
        else:
            y, x = np.divmod(np.arange(pixels), values["ow"])
            outputs = outputs + y * values["d_row"] + x * values["out_step"]
        # In reverse, so that the first write of a word stays.
        first = np.full(words, np.iinfo(np.int64).max)
        first[outputs[::-1]] = steps[::-1]
        first_write = np.minimum(first_write, first)
    late = np.flatnonzero(last_read > first_write)
    return int(late[0]) if late.size else None


def _reads_of_block(values, block, steps):
    """Words of the buffer that a block reads, and for which output, in the order of outputs."""
    y, x = np.divmod(np.arange(len(steps)), values["ow"])
    base = values["a_base"] + block * values["a_blk"]
    if "kh" in values:
        for i in range(values["kh"]):
            for j in range(values["kw"]):
                row = y * values["sy"] + i * values["dy"] + values["iy0"]
                column = x * values["sx"] + j * values["dx"] + values["ix0"]
                inside = (row >= 0) & (row < values["ih"])
                inside &= (column >= 0) & (column < values["iw"])
                yield (base + row * values["a_row"] + column)[inside], steps[inside]
    else:
        yield base + y * values["a_row"] + x, steps
    if values["function"] == "depthwise":
        taps = values["kh"] * values["kw"]
        yield values["w_base"] + block * taps + np.arange(taps), steps[-1]
    if "b_mode" not in values:
        return
    base, mode = values["b_base"], values["b_mode"]
    if mode in ("tensor", "block"):
        base += block * values["b_blk"]
    if mode in ("block", "scalar"):
        yield np.array([base]), steps[-1]
    else:
        yield base + y * values["b_row"] + x, steps
