"""The simulator of instructions: bytes in, bytes out, in any order that a core may choose."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..golden import formats
from ..golden.arith.requantize import requantize
from ..host.packing import unpack
from .assembly import text
from .core import CHANNEL_FIELDS, Core
from .instruction import Instruction
from .schedule import Schedule, until_halt

__all__ = ["Simulator"]

#: Most codes of a block of operands that MATRIX gathers at once.
_GATHERED = 1 << 22


class Simulator:
    """A network processor that executes programs.

    What an instruction reads is read at one moment, and what it writes is written at a later one.
    The order of these moments is any that a core may choose: see :class:`.Schedule`. A program
    without races gives the same bytes in every order.

    Parameters
    ----------
    core : Core
    segments : mapping of str to bytes-like
        Contents of the segments of DRAM that the program uses, which are copied.

    Attributes
    ----------
    segments : dict of str to uint8 array
    memories : dict of str to uint8 array, words × bytes
        The memories on chip, zero at first.
    sums : int64 array, acc_depth × cols
        The accumulators, within 32 bits.
    """

    def __init__(self, core: Core, segments: Mapping[str, bytes | np.ndarray]):
        self.core = core
        self.segments = {
            name: np.array(np.frombuffer(content, np.uint8)) for name, content in segments.items()
        }
        self.memories = {
            name: np.zeros((words, core.word_bytes[name]), np.uint8)
            for name, words in core.words.items()
        }
        self.sums = np.zeros((core.acc_depth, core.cols), np.int64)
        # Rows and columns of the output whose sums wait for the next MATRIX.
        self._open = None

    def run(self, program: Sequence[Instruction], seed: int = 0) -> None:
        """Executes a program up to its ``halt``.

        Parameters
        ----------
        program : sequence of Instruction
        seed : int
            Chooses the order.

        Raises
        ------
        ValueError
            If an instruction leaves a memory or a segment, or has values without a meaning; the
            message has its number and its line. Also in a deadlock.
        """
        program = until_halt(program)
        pending = {}
        for event, number in Schedule(program, self.core, seed):
            try:
                if event == "start":
                    pending[number] = self.read(program[number])
                elif event == "write":
                    pending.pop(number)()
            except ValueError as error:
                line = text(program[number], self.core.instructions)
                raise ValueError(f"Instruction {number} ({line}): {error}") from None

    def read(self, instruction: Instruction):
        """Reads all that an instruction reads; the function that is returned then writes.

        Raises
        ------
        ValueError
            As :meth:`run`.
        """
        execute = {
            "load": self._load,
            "store": self._store,
            "matrix": self._matrix,
            "vector": self._vector,
        }.get(instruction.opcode)
        return execute(instruction) if execute else _nothing

    # LOAD and STORE

    def _runs(self, values):
        """Bytes of the runs in the segment, runs × bytes, as indices, and their words on chip."""
        segment = self.segments.get(values["segment"])
        if segment is None:
            raise ValueError(f"Segment {values['segment']} must be there")
        n2, n1, run = values["n2"], values["n1"], values["run"]
        last = values["offset"] + (n2 - 1) * values["stride2"] + (n1 - 1) * values["stride1"] + run
        if last > len(segment):
            raise ValueError(
                f"Segment {values['segment']} must have at least {last} bytes, not {len(segment)}"
            )
        words = -(-run // self.core.word_bytes[values["memory"]])
        groups, runs = np.arange(n2)[:, None], np.arange(n1)
        base = values["base"] + groups * values["base2"] + runs * values["base1"]
        addresses = base.reshape(-1, 1) + np.arange(words)
        self._check(values["memory"], addresses)
        bytes_ = as_strided(
            segment[values["offset"] :], (n2, n1, run), (values["stride2"], values["stride1"], 1)
        )
        return bytes_, addresses

    def _check(self, memory, addresses):
        if addresses.size:
            lowest, highest = int(addresses.min()), int(addresses.max())
            words = self.core.words[memory]
            if lowest < 0 or highest >= words:
                address = highest if highest >= words else lowest
                raise ValueError(
                    f"Address in {memory} must be from 0 to {words - 1}, not {address}"
                )

    def _valid_bytes(self, values):
        """Bytes of each word that move, by ``tail``, which has a meaning in the buffer alone."""
        size = self.core.word_bytes[values["memory"]]
        valid = np.ones(size, bool)
        if values["memory"] == "buffer" and values["tail"]:
            valid[values["tail"] :] = False
        return valid

    def _load(self, values):
        bytes_, addresses = self._runs(values)
        size = self.core.word_bytes[values["memory"]]
        words = np.full((len(addresses), addresses.shape[1] * size), values["fill"], np.uint8)
        words[:, : values["run"]] = bytes_.reshape(len(addresses), -1)
        words = words.reshape(*addresses.shape, size)
        words[..., ~self._valid_bytes(values)] = values["fill"]
        memory = self.memories[values["memory"]]

        def write():
            memory[addresses] = words

        return write

    def _store(self, values):
        if values["memory"] != "buffer":
            raise ValueError(f"Memory must be buffer, not {values['memory']}")
        bytes_, addresses = self._runs(values)
        words = self.memories[values["memory"]][addresses].reshape(len(addresses), -1)
        words = words[:, : values["run"]].reshape(bytes_.shape)
        valid = np.tile(self._valid_bytes(values), addresses.shape[1])[: values["run"]]
        strides = values["stride2"], values["stride1"]
        start = values["offset"] + (
            np.arange(values["n2"])[:, None] * strides[0] + np.arange(values["n1"]) * strides[1]
        )
        addresses = start[..., None] + np.flatnonzero(valid)
        segment = self.segments[values["segment"]]

        def write():
            segment[addresses] = words[..., valid]

        return write

    # MATRIX

    def _matrix(self, values):
        core = self.core
        rows, cols = core.rows, core.cols
        oh, ow, nb = values["oh"], values["ow"], values["nb"]
        pixels = oh * ow
        if pixels > core.acc_depth:
            raise ValueError(
                f"Size {oh}x{ow} must have at most {core.acc_depth} pixels, not {pixels}"
            )
        whole = values["first"] and values["last"]
        if nb != 1 and not whole:
            raise ValueError(f"Blocks must be 1 with accumulate or keep, not {nb}")
        if not values["first"] and self._open != (oh, ow):
            there = "none" if self._open is None else "those of size {}x{}".format(*self._open)
            raise ValueError(f"Sums of size {oh}x{ow} must be there, not {there}")
        weights = self._weight_tiles(values)
        sums = np.zeros((pixels, nb * cols), np.int64)
        if not values["first"]:
            sums[:] = self.sums[:pixels]
        step = max(1, _GATHERED // (pixels * rows))
        for begin in range(0, len(weights), step):
            tiles = slice(begin, begin + step)
            acts = self._matrix_acts(values, tiles)
            sums += _product(acts, weights[tiles].reshape(-1, nb * cols))
        sums = _wrap(sums)
        self.sums[:pixels] = sums[:, -cols:]
        self._open = None if values["last"] else (oh, ow)
        if not values["last"]:
            return _nothing
        return self._matrix_output(values, sums)

    def _weight_tiles(self, values):
        """Weights, tiles × rows × (groups · columns)."""
        core = self.core
        tiles = values["kc"] * values["kh"] * values["kw"]
        count = values["nb"] * tiles * core.rows
        self._check("weights", np.array([values["w_base"], values["w_base"] + count - 1]))
        words = self.memories["weights"][values["w_base"] : values["w_base"] + count]
        format_ = formats.get(core.w_format)
        codes = unpack(words, core.cols, core.weight_bits, format_.lowest_code < 0)
        # The last row comes first.
        codes = codes.reshape(values["nb"], tiles, core.rows, core.cols)[:, :, ::-1]
        weights = formats.operands(codes, core.w_format, axis=2)
        return weights.transpose(1, 2, 0, 3).reshape(tiles, core.rows, -1)

    def _matrix_acts(self, values, chosen):
        """Activations of some tiles, pixels × (tiles · rows)."""
        core = self.core
        kh, kw, kc = values["kh"], values["kw"], values["kc"]
        tiles = np.arange(kc * kh * kw)[chosen]
        blocks, taps = np.divmod(tiles, kh * kw)
        tap_rows, tap_columns = np.divmod(taps, kw)
        y, x = (axis.reshape(-1, 1) for axis in _pixels(values))
        row = y * values["sy"] + tap_rows * values["dy"] + values["iy0"]
        inside = (row >= 0) & (row < values["ih"])
        if values["packed"]:
            pixel = core.rows * (values["in_blk"] >> 6) + (values["in_blk"] & 63)
            word = values["in_base"] + row * values["in_row"] + blocks
            address = word * core.rows + values["ix0"] + x * pixel
            first = np.where(inside, address, 0)
            self._check("buffer", np.stack([first, first + core.rows - 1]) // core.rows)
            codes = self.memories["buffer"].reshape(-1)[first[..., None] + np.arange(core.rows)]
        else:
            column = x * values["sx"] + tap_columns * values["dx"] + values["ix0"]
            inside = inside & (column >= 0) & (column < values["iw"])
            word = values["in_base"] + blocks * values["in_blk"] + row * values["in_row"] + column
            codes = self._buffer_words(np.where(inside, word, 0))
        codes = codes.view(np.int8)
        codes[~inside] = _signed(values["a_zero"])
        return codes.reshape(len(y), -1)

    def _buffer_words(self, addresses):
        self._check("buffer", addresses)
        return self.memories["buffer"][addresses]

    def _matrix_output(self, values, sums):
        core = self.core
        nb, cols = values["nb"], core.cols
        columns = np.arange(nb * cols)
        if values["out_tail"]:
            columns = columns[: (nb - 1) * cols + min(values["out_tail"], cols)]
        codes = self._requantized(sums[:, columns], values["p_base"] + columns)
        lane = values["out_lane"] + columns
        y, x = _pixels(values)
        address = (
            values["out_base"]
            + lane // core.rows * values["out_blk"]
            + (y * values["out_row"] + x * values["out_step"])[:, None]
        )
        self._check("buffer", address)
        buffer = self.memories["buffer"]

        def write():
            # Groups write one after the other, and each its pixels in their order.
            for group in range(0, len(columns), cols):
                chosen = slice(group, group + cols)
                lanes = np.broadcast_to(lane[chosen] % core.rows, address[:, chosen].shape)
                buffer[address[:, chosen], lanes] = codes[:, chosen].astype(np.uint8)

        return write

    def _channels(self, channels):
        """Parameters of channels, a dict of arrays."""
        self._check("channels", channels)
        words = self.memories["channels"][channels]
        integers = np.concatenate([words, np.zeros((len(words), 4), np.uint8)], axis=1)
        integers = integers.view("<u8").astype(object)
        integers = integers[:, 0] + (integers[:, 1] << 64)
        parameters, low = {}, 0
        for name, width, is_signed in CHANNEL_FIELDS:
            value = integers >> low & (1 << width) - 1
            value = value.astype(np.int64)
            if is_signed:
                value -= (value >> width - 1) << width
            parameters[name] = value
            low += width
        return parameters

    def _requantized(self, sums, channels, **changes):
        """``requantize`` of sums, whose last axis has a channel each."""
        parameters = self._channels(channels) | changes
        wrong = parameters["low"] > parameters["high"]
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                f"Low of channel {channels[at]} must be at most high "
                f"({parameters['high'][at]}), not {parameters['low'][at]}"
            )
        exact = self.core.rounding == "exact"
        keywords = {} if exact else {"rounding": self.core.rounding}
        return requantize(sums, **parameters, **keywords)

    # VECTOR

    def _vector(self, values):
        core = self.core
        function = values["function"]
        operate = getattr(self, f"_{function}")
        y, x = _pixels(values)
        blocks = np.arange(values["nb"])[:, None]
        if function in ("reduce_sum", "reduce_max"):
            outputs = values["d_base"] + blocks * values["d_blk"]
        else:
            within = y * values["d_row"] + x * values["out_step"]
            outputs = values["d_base"] + blocks * values["d_blk"] + within
        self._check("buffer", outputs)
        results = np.empty((*outputs.shape, core.rows), np.uint8)
        for block in range(values["nb"]):
            results[block] = operate(values, block, y, x).astype(np.uint8)
        if values["table"] and function not in ("add", "mul"):
            results = self._table(values, results)[..., values["table"] % 4]
        lanes = min(values["tail"] or core.rows, core.rows)
        buffer = self.memories["buffer"]

        def write():
            buffer[outputs[:-1]] = results[:-1]
            buffer[outputs[-1], :lanes] = results[-1, :, :lanes]

        return write

    def _table(self, values, codes):
        """The words of the group of a table for codes: an array with a last axis of 4 bytes."""
        address = 256 * (values["table"] // 4) + codes.astype(np.int64)
        self._check("tables", address)
        return self.memories["tables"][address]

    def _operand(self, values, block, y, x):
        base = values["a_base"] + block * values["a_blk"]
        return self._buffer_words(base + y * values["a_row"] + x).view(np.int8).astype(np.int64)

    def _operand_b(self, values, block, y, x):
        """Codes of operand b as indices of tables, in a shape that fits operand a."""
        base, mode = values["b_base"], values["b_mode"]
        if mode == "scalar":
            return self._buffer_words(np.array([base]))[:, :1]
        if mode == "pixel":
            return self._buffer_words(base + y * values["b_row"] + x)[:, :1]
        base = base + block * values["b_blk"]
        if mode == "block":
            return self._buffer_words(np.array([base]))
        return self._buffer_words(base + y * values["b_row"] + x)

    def _lanes_channels(self, values, block):
        lanes = self.core.rows
        if values["shared"]:
            return np.full(lanes, values["p_base"])
        channels = values["p_base"] + block * lanes + np.arange(lanes)
        if block == values["nb"] - 1 and values["tail"]:
            # Lanes that are not written may have no channel.
            channels = np.minimum(channels, channels[min(values["tail"], lanes) - 1])
        return channels

    def _window(self, values, block, y, x):
        """Each tap of a window: its number, codes and whether they are within the bounds."""
        for i in range(values["kh"]):
            for j in range(values["kw"]):
                row = y * values["sy"] + i * values["dy"] + values["iy0"]
                column = x * values["sx"] + j * values["dx"] + values["ix0"]
                inside = (row >= 0) & (row < values["ih"])
                inside &= (column >= 0) & (column < values["iw"])
                base = values["a_base"] + block * values["a_blk"]
                word = np.where(inside, base + row * values["a_row"] + column, -1)
                codes = np.zeros((len(word), self.core.rows), np.int64)
                codes[inside] = self._buffer_words(word[inside]).view(np.int8)
                yield i * values["kw"] + j, codes, inside

    def _copy(self, values, block, y, x):
        return self._operand(values, block, y, x)

    def _add(self, values, block, y, x):
        channels = self._lanes_channels(values, block)
        words = self._table(values, self._operand_b(values, block, y, x))
        addend = words.view("<i4")[..., 0].astype(np.int64)
        product = self._operand(values, block, y, x) * self._channels(channels)["multiplier"]
        return self._requantized(product + addend, channels, bias=0, multiplier=1)

    def _mul(self, values, block, y, x):
        words = self._table(values, self._operand_b(values, block, y, x))
        factor = words.view("<i4")[..., 0].astype(np.int64)
        # The low 25 bits, signed.
        factor = ((factor & (1 << 25) - 1) ^ 1 << 24) - (1 << 24)
        product = (self._operand(values, block, y, x) - _signed(values["a_zero"])) * factor
        channels = self._lanes_channels(values, block)
        return self._requantized(product, channels, multiplier=1)

    def _affine(self, values, block, y, x):
        codes = self._operand(values, block, y, x)
        return self._requantized(codes, self._lanes_channels(values, block))

    def _window_max(self, values, block, y, x):
        largest = np.full((len(y), self.core.rows), -128)
        for _, codes, inside in self._window(values, block, y, x):
            largest[inside] = np.maximum(largest[inside], codes[inside])
        return largest

    def _window_sum(self, values, block, y, x):
        sums = 0
        for _, codes, inside in self._window(values, block, y, x):
            codes[~inside] = _signed(values["a_zero"])
            sums = sums + codes
        return self._requantized(sums, self._lanes_channels(values, block))

    def _depthwise(self, values, block, y, x):
        taps = values["kh"] * values["kw"]
        first = values["w_base"] + block * taps
        weights = self._buffer_words(first + np.arange(taps)).view(np.int8).astype(np.int64)
        sums = 0
        for tap, codes, inside in self._window(values, block, y, x):
            codes[~inside] = _signed(values["a_zero"])
            sums = sums + weights[tap] * codes
        return self._requantized(sums, self._lanes_channels(values, block))

    def _reduce_sum(self, values, block, y, x):
        sums = self._operand(values, block, y, x).sum(axis=0, keepdims=True)
        return self._requantized(_wrap(sums), self._lanes_channels(values, block))

    def _reduce_max(self, values, block, y, x):
        return self._operand(values, block, y, x).max(axis=0, keepdims=True)


def _nothing():
    pass


def _signed(code):
    """A code of 8 bits in two's complement as an integer."""
    return (code ^ 128) - 128


def _wrap(sums):
    """Integers in 32 bits, wrapped."""
    return sums.astype(np.int32).astype(np.int64)


def _pixels(values):
    """Rows and columns of all pixels of the output, in their order."""
    pixels = np.arange(values["oh"] * values["ow"])
    return np.divmod(pixels, values["ow"])


def _product(acts, weights):
    """The exact product of codes, by BLAS in floats whose significand no sum leaves."""
    bound = 128 * len(weights) * max(int(np.abs(weights).max()), 1)
    float_ = np.float32 if bound <= 1 << 24 else np.float64
    return (acts.astype(float_) @ weights.astype(float_)).astype(np.int64)
