"""The generated C driver as a Python object, for tests: compiled for this machine, with traps."""

import ctypes as c
import subprocess
from pathlib import Path

import numpy as np
from brickwork.gen.collateral.driver import driver
from brickwork.gen.collateral.header import header
from brickwork.gen.designs import registry
from brickwork.gen.designs.wrappers import wrapper_from_text
from brickwork.gen.emission.emit import emit
from brickwork.sim.designs import registry as models
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.golden import formats
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator import toolchain

__all__ = [
    "BARRIER",
    "C99",
    "CACHE",
    "READ",
    "WRITE",
    "Buffer",
    "Device",
    "Driver",
    "Network",
    "emit_top",
    "random_product",
    "random_scales",
    "scale_matrices",
    "write_sources",
]

#: The strictest that a user may compile it with.
C99 = (
    *("-x", "c", "-std=c99", "-pedantic", "-Werror"),
    *("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-Wc++-compat"),
)

_TYPES = {"u1": 1, "i1": 2, "u2": 3, "i2": 4, "u4": 5, "i4": 6, "i8": 7}

READ = c.CFUNCTYPE(c.c_uint32, c.c_void_p, c.c_uint32)
WRITE = c.CFUNCTYPE(None, c.c_void_p, c.c_uint32, c.c_uint32)
BARRIER = c.CFUNCTYPE(None, c.c_void_p)
CACHE = c.CFUNCTYPE(None, c.c_void_p, c.c_void_p, c.c_size_t)
WAIT = c.CFUNCTYPE(c.c_int, c.c_void_p)


class Device(c.Structure):
    _fields_ = (
        ("context", c.c_void_p),
        ("read32", READ),
        ("write32", WRITE),
        ("barrier", BARRIER),
        ("flush", CACHE),
        ("invalidate", CACHE),
        ("wait", WAIT),
        ("patience", c.c_uint32),
    )


class Buffer(c.Structure):
    _fields_ = (("data", c.c_void_p), ("address", c.c_uint64), ("size", c.c_size_t))


class Matrix(c.Structure):
    _fields_ = (("data", c.c_void_p), ("type", c.c_int), ("stride", c.c_size_t))


def _of_words(*names):
    return tuple((name, c.c_uint32) for name in names)


class FormatsProduct(c.Structure):
    _fields_ = (*_of_words("m", "k", "n"), ("a_format", c.c_uint8), ("w_format", c.c_uint8))


class SparseProduct(c.Structure):
    _fields_ = (*FormatsProduct._fields_, ("span", c.c_uint8))


class OutlierProduct(c.Structure):
    _fields_ = (*FormatsProduct._fields_, ("rounds", c.c_uint8))


class ScaledProduct(c.Structure):
    _fields_ = (*FormatsProduct._fields_, ("group", c.c_uint32))


class FusionProduct(c.Structure):
    _fields_ = (
        *_of_words("m", "k", "n"),
        *((name, c.c_uint8) for name in ("a_bits", "w_bits", "a_signed", "w_signed")),
    )


class BiasChannel(c.Structure):
    _fields_ = (("bias", c.c_int64),)


class SignChannel(c.Structure):
    _fields_ = (("bias", c.c_int64), ("flip", c.c_uint8))


class Channel(c.Structure):
    _fields_ = (
        ("bias", c.c_int64),
        *_of_words("multiplier", "shift"),
        *((name, c.c_int32) for name in ("zero_point", "low", "high")),
    )


class Network(c.Structure):
    _fields_ = (
        ("load", c.c_void_p),
        ("load_words", c.c_uint32),
        ("jobs", c.c_void_p),
        *_of_words("fill_jobs", "vector_jobs"),
        ("inputs", c.c_void_p),
        *_of_words("input_count", "acts_words"),
        ("outputs", c.c_void_p),
        *_of_words("output_count", "result_words"),
    )


def emit_top(folder: Path, text: str, top: str = "axi", *bus: str) -> tuple[Path, Manifest]:
    """Emits a design, as ``"gemm_ws rows=3 cols=5"``, in a bus wrapper.

    Returns the path of the manifest, and the manifest.
    """
    design, *settings = text.split()
    core = registry.parameters_from_text(design, settings)
    path = emit(wrapper_from_text(top, core, list(bus)), folder).manifest
    return path, Manifest.read(path)


def field_names(manifest, stream):
    """Names of the fields of a stream's words."""
    return {field["name"] for field in manifest.streams[stream]["fields"]}


def has_widths(manifest):
    """Whether products have widths and signs for modes, and not number formats."""
    return "a_bits" in field_names(manifest, "tiles")


def is_binary(manifest):
    """Whether operands have one bit, or several by planes."""
    return "pack" in manifest.parameters


def format_names(manifest, side):
    """Names of the number formats of A or W."""
    return manifest.parameters[f"{side}_format"].split("+")


def random_product(random, manifest, m, k, n, **modes):
    """Codes of A and W, and channels or ``None``, over all of their ranges."""

    def codes(side, shape):
        if is_binary(manifest):
            plan = models.model(manifest).plan(m, k, n, **modes)
            name = models.model(manifest).operand_format(side, plan).name
        elif has_widths(manifest):
            sign = "" if modes.get(f"{side}_signed", 1) else "u"
            name = f"{sign}int{modes.get(f'{side}_bits', 8)}"
        else:
            name = modes.get(f"{side}_type") or format_names(manifest, side)[0]
        fmt = formats.get(name)
        return random.integers(fmt.lowest_code, fmt.highest_code, shape, endpoint=True)

    a, w = codes("a", (m, k)), codes("w", (k, n))
    w = models.model(manifest).structured(w, modes, random)
    if "channels" not in manifest.streams:
        return a, w, None
    fields = {field["name"]: field for field in manifest.streams["channels"]["fields"]}

    def values(name):
        if name not in fields:
            return np.zeros(n, np.int64)
        width, sign = fields[name]["width"], int(fields[name]["signed"])
        half = 1 << (width - 1)
        return random.integers(-half * sign, half * (2 - sign), n)

    low, high = np.sort([values("low"), values("high")], axis=0)
    # A large shift would make every result the zero point.
    names = ("bias", "multiplier", "shift", "zero_point", "flip")
    return a, w, QuantParams(low=low, high=high, **{name: values(name) for name in names})


def random_scales(random, manifest, a, w):
    """Scales of groups of a product, or ``None``."""
    return models.model(manifest).random_scales((*a.shape, w.shape[1]), random)


def scale_matrices(scales):
    """Codes of the scales of A, if it has any, and of W."""
    if scales is None:
        return []
    return [codes for codes in (scales.a, scales.w) if codes is not None]


def write_sources(manifest, folder):
    """Writes header and driver; returns the C file."""
    files = {f"{manifest.top}.h": header(manifest), **driver(manifest)}
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder / f"{manifest.top}_driver.c"


class Driver:
    """The driver of a core. Errors of its functions are a :exc:`Failure` with the error's name."""

    class Failure(Exception):
        pass

    def __init__(self, manifest, folder):
        self.manifest = manifest
        self.streams = manifest.bus["streams"]
        self.source = source = write_sources(manifest, folder)
        library = source.with_suffix(".so")
        # What C leaves undefined ends the process at once.
        traps = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
        options = (*C99, *traps, "-O1", "-shared", "-fPIC")
        command = [*toolchain.compiler().command, *options, "-o", str(library), str(source)]
        subprocess.run(command, check=True)
        self._library = c.CDLL(str(library))
        self._function("text").restype = c.c_char_p
        self._function("bytes").restype = c.c_uint64
        if "result_format" in manifest.derived:
            self._function("to_float").restype = c.c_float
        errors = {name: error["number"] for name, error in manifest.bus["errors"].items()}
        names = ["ARGUMENT", "VALUE", "SIZE", "WORDS", "TIMEOUT", "ABSENT", "VERSION", "DIGEST"]
        names.append("REVISION")
        self._errors = {number: name for name, number in errors.items()}
        self._errors |= dict(enumerate(names, 32))

    def _function(self, name):
        return getattr(self._library, f"{self.manifest.top}_{name}")

    def call(self, name, *arguments):
        status = self._function(name)(*map(_pass, arguments))
        if status:
            raise self.Failure(self._errors[status])

    def text(self, status):
        return self._function("text")(status).decode()

    def bytes(self, index, words):
        return self._function("bytes")(index, c.c_uint32(words))

    def to_float(self, code):
        return self._function("to_float")(c.c_uint32(code))

    def product(self, m, k, n, *, scales=None, **modes):
        if is_binary(self.manifest):
            modes = models.model(self.manifest).plan(m, k, n, **modes).modes
            return FusionProduct(m, k, n, **modes)
        if has_widths(self.manifest):
            modes = {"a_bits": 8, "w_bits": 8, "a_signed": 1, "w_signed": 1} | modes
            return FusionProduct(m, k, n, **modes)
        indices = {
            f"{side}_format": format_names(self.manifest, side).index(modes[f"{side}_type"])
            for side in "aw"
            if modes.get(f"{side}_type")
        }
        if "index" in field_names(self.manifest, "weights"):
            indices["span"] = models.model(self.manifest).plan(m, k, n, **modes).span
            return SparseProduct(m, k, n, **indices)
        if "outlier_rows" in self.manifest.parameters:
            return OutlierProduct(m, k, n, **indices)
        if "w_scales" in self.streams:
            group = 0 if scales is None else scales.group
            return ScaledProduct(m, k, n, **indices, group=group)
        return FormatsProduct(m, k, n, **indices)

    def count(self, *about):
        """The words of each stream."""
        words = (c.c_uint32 * len(self.streams))()
        self.call("count", *map(_pass, about), words)
        return dict(zip(self.streams, words, strict=True))

    def pack(self, stream, about, *numbers, short=0):
        """The bytes of a stream; the buffer can be too ``short`` by some."""
        arguments = [*map(_pass, (*about, *numbers))]
        size = self.bytes(self.streams[stream]["index"], self.count(*about)[stream])
        guard = 64
        memory = np.full(guard + size + guard, 0xA5, np.uint8)
        inside = memory[guard : guard + size]
        buffer = Buffer(inside.ctypes.data, 0, size - short)
        try:
            self.call(f"pack_{stream}", *arguments, c.byref(buffer))
        finally:
            assert (memory[:guard] == 0xA5).all()
            assert (memory[guard + size :] == 0xA5).all()
            assert not short or (memory == 0xA5).all()
        return inside

    def unpack(self, about, results, y, special=None):
        results = np.ascontiguousarray(results)
        buffer = Buffer(results.ctypes.data, 0, len(results))
        flags = [] if special is None else [special.ctypes.data_as(c.c_void_p)]
        self.call("unpack", *map(_pass, about), c.byref(buffer), _pass(y), *flags)
        return y

    def device(self, mmio, interrupts=False, patience=100_000):
        """A simulated core as the driver reaches it, polled or with interrupts."""
        return Device(
            mmio.context,
            READ(mmio.pointer("mmio_read32")),
            WRITE(mmio.pointer("mmio_write32")),
            wait=WAIT(mmio.pointer("mmio_wait")) if interrupts else WAIT(),
            patience=patience,
        )

    def memory(self, mmio, at=0, size=None):
        """A part of a simulated core's memory, all from ``at`` on."""
        size = len(mmio.memory) - at if size is None else size
        return Buffer(mmio.memory.ctypes.data + at, mmio.address + at, size)

    def split(self, memory, words):
        """A buffer for the words of each stream."""
        counts = (c.c_uint32 * len(self.streams))(*words.values())
        buffers = (Buffer * len(self.streams))()
        self.call("split", c.byref(memory), counts, buffers)
        return counts, buffers

    def multiply(self, device, memory, product, a, w, y, channels=None, special=None, scales=None):
        """Y = A · W by the driver's own function."""
        arguments = [*map(_pass, (product, a, w))]
        arguments += [_pass(codes) for codes in scale_matrices(scales)]
        arguments += [] if channels is None else [self.channels(channels)]
        arguments += [_pass(y)]
        arguments += [] if special is None else [special.ctypes.data_as(c.c_void_p)]
        self.call("multiply", c.byref(device), c.byref(memory), *arguments)
        return y

    def channels(self, channels):
        """An array of the driver's channels from :class:`Channels`."""
        fields = field_names(self.manifest, "channels")
        kinds = {"shift": Channel, "flip": SignChannel}
        type_ = next((kinds[name] for name in kinds if name in fields), BiasChannel)
        rows = (type_ * len(channels.bias))()
        for name, _ in type_._fields_:
            for row, value in zip(rows, getattr(channels, name), strict=True):
                setattr(row, name, int(value))
        return rows


def _pass(value):
    """A value as C takes it."""
    if isinstance(value, np.ndarray):
        stride = value.strides[0] // value.itemsize
        return c.byref(Matrix(value.ctypes.data, _TYPES[value.dtype.str[1:]], stride))
    return c.byref(value) if isinstance(value, c.Structure) else value
