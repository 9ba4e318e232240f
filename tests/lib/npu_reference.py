"""Instructions one lane at a time, in plain loops: the README of ``hdl/npu`` word by word."""

from fractions import Fraction

from brickwork.sim.golden import formats

__all__ = ["Reference"]


class Reference:
    """Memories on chip as lists of words, each a list of bytes, and segments as byte arrays."""

    def __init__(self, core, segments, memories):
        self.rows, self.cols, self.bits = core.rows, core.cols, core.weight_bits
        self.integers = formats.get(core.w_format).integers
        self.segments = {name: bytearray(content) for name, content in segments.items()}
        self.memories = {name: [list(map(int, w)) for w in memories[name]] for name in memories}
        self.sums = {}

    def execute(self, instruction):
        getattr(self, instruction.opcode)(dict(instruction.values))

    def code(self, address, lane):
        return signed(self.memories["buffer"][address][lane])

    def write(self, results):
        """Writes codes to words and lanes of the buffer."""
        for word, lane, code in results:
            self.memories["buffer"][word][lane] = code & 255

    # LOAD and STORE

    def moves(self, v):
        """Byte in the segment, word on chip, byte in the word, for each byte of each run."""
        size = len(self.memories[v["memory"]][0])
        for j in range(v["n2"]):
            for i in range(v["n1"]):
                for byte in range(v["run"]):
                    yield (
                        v["offset"] + j * v["stride2"] + i * v["stride1"] + byte,
                        v["base"] + j * v["base2"] + i * v["base1"] + byte // size,
                        byte % size,
                    )

    def valid(self, v, lane):
        return v["memory"] != "buffer" or v["tail"] == 0 or lane < v["tail"]

    def load(self, v):
        memory, segment = self.memories[v["memory"]], self.segments[v["segment"]]
        for byte, word, lane in self.moves(v):
            if lane == 0:
                memory[word] = [v["fill"]] * len(memory[word])
            if self.valid(v, lane):
                memory[word][lane] = segment[byte]

    def store(self, v):
        memory, segment = self.memories[v["memory"]], self.segments[v["segment"]]
        for byte, word, lane in self.moves(v):
            if self.valid(v, lane):
                segment[byte] = memory[word][lane]

    # Requantization

    def channel(self, number):
        word = int.from_bytes(bytes(self.memories["channels"][number]), "little")
        fields = {}
        for name, width in (("bias", 32), ("multiplier", 24), ("shift", 6)):
            fields[name] = word & (1 << width) - 1
            word >>= width
        for name in ("zero_point", "low", "high"):
            fields[name] = signed(word & 255)
            word >>= 8
        fields["bias"] -= fields["bias"] >> 31 << 32
        return fields

    def rounded(self, value, p):
        number = round(Fraction(value, 1 << p["shift"])) + p["zero_point"]
        return min(max(number, p["low"]), p["high"])

    def requantize(self, value, p):
        return self.rounded((value + p["bias"]) * p["multiplier"], p)

    # MATRIX

    def weight(self, address, column):
        bits = int.from_bytes(bytes(self.memories["weights"][address]), "little")
        return int(self.integers[bits >> column * self.bits & (1 << self.bits) - 1])

    def activation(self, v, c, i, j, y, x, k):
        row = y * v["sy"] + i * v["dy"] + v["iy0"]
        column = x * v["sx"] + j * v["dx"] + v["ix0"]
        if not 0 <= row < v["ih"]:
            return signed(v["a_zero"])
        if v["packed"]:
            pixel = self.rows * (v["in_blk"] >> 6) + (v["in_blk"] & 63)
            byte = (v["in_base"] + row * v["in_row"] + c) * self.rows + v["ix0"] + x * pixel + k
            return self.code(byte // self.rows, byte % self.rows)
        if not 0 <= column < v["iw"]:
            return signed(v["a_zero"])
        return self.code(v["in_base"] + c * v["in_blk"] + row * v["in_row"] + column, k)

    def matrix(self, v):
        tiles = [(c, i, j) for c in range(v["kc"]) for i in range(v["kh"]) for j in range(v["kw"])]
        writes = []
        for n in range(v["nb"]):
            for y in range(v["oh"]):
                for x in range(v["ow"]):
                    for column in range(self.cols):
                        total = 0 if v["first"] else self.sums[y, x, column]
                        for tile, (c, i, j) in enumerate(tiles):
                            for k in range(self.rows):
                                first = v["w_base"] + (n * len(tiles) + tile) * self.rows
                                weight = self.weight(first + self.rows - 1 - k, column)
                                total += self.activation(v, c, i, j, y, x, k) * weight
                        self.sums[y, x, column] = (total + (1 << 31)) % (1 << 32) - (1 << 31)
                        if not v["last"]:
                            continue
                        if n == v["nb"] - 1 and v["out_tail"] and column >= v["out_tail"]:
                            continue
                        p = self.channel(v["p_base"] + n * self.cols + column)
                        k = v["out_lane"] + n * self.cols + column
                        word = v["out_base"] + k // self.rows * v["out_blk"]
                        word += y * v["out_row"] + x * v["out_step"]
                        result = self.requantize(self.sums[y, x, column], p)
                        writes.append((word, k % self.rows, result))
        self.write(writes)

    # VECTOR

    def window(self, v, n, y, x, lane):
        """Tap, code, and whether it is within the bounds."""
        for i in range(v["kh"]):
            for j in range(v["kw"]):
                row = y * v["sy"] + i * v["dy"] + v["iy0"]
                column = x * v["sx"] + j * v["dx"] + v["ix0"]
                inside = 0 <= row < v["ih"] and 0 <= column < v["iw"]
                code = signed(v.get("a_zero", 0))
                if inside:
                    word = v["a_base"] + n * v["a_blk"] + row * v["a_row"] + column
                    code = self.code(word, lane)
                yield i * v["kw"] + j, code, inside

    def table(self, v, code):
        return self.memories["tables"][256 * (v["table"] // 4) + (code & 255)]

    def operand_b(self, v, n, y, x, lane):
        base, mode = v["b_base"], v["b_mode"]
        if mode == "tensor":
            code = self.code(base + n * v["b_blk"] + y * v["b_row"] + x, lane)
        elif mode == "block":
            code = self.code(base + n * v["b_blk"], lane)
        elif mode == "scalar":
            code = self.code(base, 0)
        else:
            code = self.code(base + y * v["b_row"] + x, 0)
        return int.from_bytes(bytes(self.table(v, code)), "little", signed=True)

    def vector(self, v):
        reduces = v["function"].startswith("reduce")
        writes = []
        for n in range(v["nb"]):
            lanes = v["tail"] if n == v["nb"] - 1 and v["tail"] else self.rows
            for lane in range(lanes):
                p = None
                if "p_base" in v:
                    first = v["p_base"]
                    p = self.channel(first if v["shared"] else first + n * self.rows + lane)
                pixels = [(y, x) for y in range(v["oh"]) for x in range(v["ow"])]
                if reduces:
                    codes = [
                        self.code(v["a_base"] + n * v["a_blk"] + y * v["a_row"] + x, lane)
                        for y, x in pixels
                    ]
                    result = max(codes)
                    if v["function"] == "reduce_sum":
                        result = self.requantize(sum(codes), p)
                    writes.append((v["d_base"] + n * v["d_blk"], lane, self.looked_up(v, result)))
                    continue
                for y, x in pixels:
                    word = v["d_base"] + n * v["d_blk"] + y * v["d_row"] + x * v["out_step"]
                    result = self.result(v, n, y, x, lane, p)
                    writes.append((word, lane, self.looked_up(v, result)))
        self.write(writes)

    def looked_up(self, v, result):
        if v["table"] == 0 or v["function"] in ("add", "mul"):
            return result
        return self.table(v, result)[v["table"] % 4]

    def result(self, v, n, y, x, lane, p):
        function = v["function"]
        if function == "window_max":
            return max([c for _, c, inside in self.window(v, n, y, x, lane) if inside] + [-128])
        if function == "window_sum":
            return self.requantize(sum(c for _, c, _ in self.window(v, n, y, x, lane)), p)
        if function == "depthwise":
            first = v["w_base"] + n * v["kh"] * v["kw"]
            window = self.window(v, n, y, x, lane)
            return self.requantize(sum(self.code(first + t, lane) * c for t, c, _ in window), p)
        a = self.code(v["a_base"] + n * v["a_blk"] + y * v["a_row"] + x, lane)
        if function == "copy":
            return a
        if function == "affine":
            return self.requantize(a, p)
        b = self.operand_b(v, n, y, x, lane)
        if function == "add":
            return self.rounded(a * p["multiplier"] + b, p)
        factor = b % (1 << 25)
        factor -= factor >> 24 << 25
        return self.rounded((a - signed(v["a_zero"])) * factor + p["bias"], p)


def signed(byte):
    return byte - 256 if byte > 127 else byte
