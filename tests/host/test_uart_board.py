"""Cores on a serial line, bit by bit in simulation, and the host's own code."""

import re

import numpy as np
import pytest
from brickwork import Eie, GemmFusion, GemmOs, GemmScaled, GemmWs
from brickwork.gen.commands.demo import _quant_params
from brickwork.gen.designs.wrappers import Uart
from brickwork.gen.emission.emit import emit
from brickwork.gen.workloads import digits
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.designs.eie import Layer
from brickwork.sim.golden.sparse import eie, encode
from brickwork.sim.host.board import Board
from brickwork.sim.host.uart_link import Frame, Link, LinkError
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator.core import SimulationError
from c_driver import random_product, random_scales
from products import job as job_of

CORES = {
    "ws": GemmWs(rows=3, cols=5, acc_depth=8),
    "os": GemmOs(rows=4, cols=3, a_format="int6", w_format="int3"),
    "fusion": GemmFusion(rows=2, cols=2),
    "scaled": GemmScaled(
        **{
            "rows": 4,
            "cols": 3,
            "group": 6,
            "acc_depth": 8,
            "a_format": "e2m1",
            "w_format": "e2m1",
        },
        **{"a_scale": "e4m3", "w_scale": "e4m3", "output": "bf16"},
    ),
    "w4a16": GemmScaled(rows=2, cols=3, group=128, acc_depth=8),
    "fp32": GemmWs(rows=3, cols=5, acc_depth=8, arith="fp32", a_format="bf16", w_format="bf16"),
    "digits": GemmWs(rows=8, cols=8, output="scale", a_format="uint8", out_format="uint8"),
    "eie": Eie(pes=4, columns=32, entries=128, acts=8, rows=8, queue_depth=4),
}


@pytest.fixture(scope="module")
def emitted(tmp_path_factory):
    """Emits a core with a serial line of 4 cycles a bit; returns its manifest, path and content."""

    def emit_top(core, baud=1_000_000):
        top = Uart(core=core, clock_hz=4_000_000, baud=baud)
        path = emit(top, tmp_path_factory.mktemp("uart")).manifest
        return path, Manifest.read(path)

    return emit_top


def multiply(link, manifest, rng, shape, bits=(8, 8), **modes):
    m, k, n = shape
    a, w = (
        rng.integers(-1 << size - 1, 1 << size - 1, of)
        for size, of in zip(bits, ((m, k), (k, n)), strict=True)
    )
    job = job_of(manifest, a, w, **modes)
    y, _ = link.run(job)
    assert np.array_equal(y, job.expected)


@pytest.mark.parametrize(
    ("name", "bits", "modes"),
    [
        ("ws", (8, 8), {}),
        ("os", (6, 3), {}),
        ("fusion", (8, 8), {}),
        ("fusion", (2, 16), {"a_bits": 2, "w_bits": 16}),
    ],
)
def test_products(emitted, name, bits, modes):
    """A partial tile, and several tiles in each direction, on one link."""
    path, manifest = emitted(CORES[name])
    rng = np.random.default_rng(1)
    with Board(path) as board:
        link = Link(board, manifest)
        for shape in ((1, 1, 1), (5, 7, 4), (19, 9, 13)):
            multiply(link, manifest, rng, shape, bits, **modes)
        assert board.broken == 0
        assert not board.led


@pytest.mark.parametrize(
    "name",
    ["scaled", *(pytest.param(name, marks=pytest.mark.slow) for name in ("w4a16", "fp32"))],
)
def test_float_results(emitted, name):
    """Codes, and scales in frames of their own: groups of a tile, of several, and a ragged one."""
    path, manifest = emitted(CORES[name])
    rng = np.random.default_rng(1)
    with Board(path) as board:
        link = Link(board, manifest)
        for m, k, n in ((1, 1, 1), (5, 7, 4), (19, 13, 8)):
            a, w, _ = random_product(rng, manifest, m, k, n)
            job = job_of(manifest, a, w, scales=random_scales(rng, manifest, a, w))
            y, _ = link.run(job)
            assert np.array_equal(y, job.expected)
            assert m == 1 or job.expected.any()
        assert board.broken == 0


def test_the_line_is_the_limit(emitted):
    """With two bytes a MAC on a small array, all cycles but 5 % send a byte."""
    path, manifest = emitted(GemmOs(rows=2, cols=2))
    with Board(path) as board:
        link = Link(board, manifest)
        sent, cycles = link.sent, board.cycles
        multiply(link, manifest, np.random.default_rng(1), (8, 40, 8))
        share = 40 * (link.sent - sent) / (board.cycles - cycles)
        assert 0.95 < share <= 1


@pytest.mark.parametrize(("rate", "pause"), [(0.98, 40), (1.02, 5), (1.0, 99)])
def test_other_rates_and_pauses(emitted, rate, pause):
    path, manifest = emitted(CORES["ws"])
    with Board(path, rate=rate, pause=pause, seed=3) as board:
        multiply(Link(board, manifest), manifest, np.random.default_rng(1), (9, 9, 9))


def test_results_that_look_like_escapes(emitted):
    """All result bytes are 0xA5."""
    path, manifest = emitted(CORES["digits"])
    ones = np.ones(20, np.int64)
    channels = QuantParams(
        bias=ones,
        multiplier=0 * ones,
        shift=ones,
        zero_point=165 * ones,
        low=0 * ones,
        high=255 * ones,
    )
    with Board(path) as board:
        link = Link(board, manifest)
        job = job_of(manifest, np.ones((30, 9), int), np.ones((9, 20), int), channels)
        y, _ = link.run(job)
        assert (y == 165).all()
        assert link.received > 2 * y.size


def test_sparse_engine(emitted):
    path, manifest = emitted(CORES["eie"])
    parameters = manifest.parameters
    rng = np.random.default_rng(1)
    codebook = np.concatenate([[0], rng.integers(-100, 100, 15)])
    indices = rng.integers(0, 16, (20, 30)) * (rng.random((20, 30)) < 0.3)
    names = ("pes", "entries_per_cycle", "index_width", "run_length_width")
    encoded = encode(indices, codebook, **{name: parameters[name] for name in names})
    a = rng.integers(-100, 100, (3, 30))
    with Board(path) as board:
        link = Link(board, manifest)
        for output in ({"shift": 3, "relu": False}, {"shift": 6, "relu": True}):
            y, _ = link.run(job_of(manifest, [Layer(encoded=encoded, **output)], a))
            widths = {name: parameters[name] for name in ("act_width", "acc_width")}
            assert np.array_equal(y, eie(indices, codebook, a, **output, **widths))


def test_break_in_the_middle(emitted):
    """A host dies at any moment of a product; the next host's product is right."""
    path, manifest = emitted(CORES["ws"])
    rng = np.random.default_rng(5)

    with Board(path, seed=2) as board:
        for reads in (1, 2, 3, 8, 20, 50):
            port = _Port(board)
            link = Link(port, manifest)
            port.reads = reads
            with pytest.raises(_Gone):
                multiply(link, manifest, rng, (20, 10, 10))
            multiply(Link(board, manifest), manifest, rng, (4, 5, 6))


def test_without_breaks(emitted):
    """An adapter without breaks: credits of successive hosts still match the device."""
    path, manifest = emitted(CORES["ws"])
    rng = np.random.default_rng(5)
    depth = manifest.bus["depth"]
    with Board(path) as board:
        for _ in range(3):
            port = _Port(board)
            port.send_break = lambda duration: None
            link = Link(port, manifest)
            multiply(link, manifest, rng, (9, 8, 7))
            link.read("STATUS")
            assert link._room == depth - link.sent % (depth // 2)


class _Gone(Exception):
    pass


class _Port:
    """The board's port, for a limited number of reads."""

    reads = 1 << 30

    def __init__(self, board):
        self._board = board

    def __getattr__(self, name):
        return getattr(self._board, name)

    def read(self, size):
        self.reads -= 1
        if self.reads < 0:
            raise _Gone
        return self._board.read(size)


@pytest.mark.slow
def test_digits(emitted):
    """Images of handwritten digits through all layers, requantized, one after the other."""
    network = digits.train()
    layers = digits.quantize(network, "uint8", out_format="uint8")
    path, manifest = emitted(CORES["digits"])
    codes = layers[0].input.encode(network.test_images[:40])
    with Board(path) as board:
        link = Link(board, manifest)
        for layer in layers:
            y, _ = link.run(job_of(manifest, codes, layer.weights, _quant_params(layer)))
            assert np.array_equal(y, layer.forward(codes))
            codes = y
    assert np.mean(codes.argmax(axis=1) == network.test_labels[:40]) > 0.9


def test_registers_by_name(emitted):
    path, manifest = emitted(CORES["ws"])
    with Board(path) as board:
        link = Link(board, manifest)
        assert link.read("ID") == 0x4252574B
        assert link.read("DIGEST") == int(manifest.digest[:8], 16)
        link.write("INTERRUPT_ENABLE", 3)
        assert link.read("INTERRUPT_ENABLE") == 3
        with pytest.raises(LinkError, match=r"^Register COMMAND must be readable; the device"):
            link.read("COMMAND")
        with pytest.raises(LinkError, match=r"^Register ID must be writable; the device refused$"):
            link.write("ID", 1)
        assert link.read("STATUS") == 0


def test_another_design_is_refused(emitted):
    path, manifest = emitted(CORES["ws"])
    _, stranger = emitted(CORES["os"])
    expected, actual = (int(entry.digest[:8], 16) for entry in (stranger, manifest))
    message = (
        f"Device must be the design of the manifest, with DIGEST {expected:#010x}, not "
        f"{actual:#010x}; load its bitstream"
    )
    with Board(path) as board, pytest.raises(LinkError, match=f"^{re.escape(message)}$"):
        Link(board, stranger)
    registers = {register["name"]: register for register in manifest.bus["registers"]}
    revision = registers["REVISION"]["reset"]
    assert revision == int(manifest.revision, 16)
    registers["REVISION"]["reset"] = 1
    message = (
        f"Device must be of the manifest's RTL revision (Brickwork {manifest.tools['brickwork']}), "
        f"with REVISION 0x00000001, not {revision:#010x}; load its bitstream"
    )
    with Board(path) as board, pytest.raises(LinkError, match=f"^{re.escape(message)}$"):
        Link(board, manifest)
    registers["ID"]["reset"] = 1
    with Board(path) as board, pytest.raises(LinkError, match=r"^Device must be a core of Bri"):
        Link(board, manifest)


def test_another_rate_is_refused(emitted):
    path, manifest = emitted(CORES["ws"])
    with Board(path, rate=0.5) as board, pytest.raises(LinkError, match=r"^Device must"):
        Link(board, manifest)


def test_a_device_that_does_not_answer(emitted):
    path, manifest = emitted(CORES["ws"])
    message = "^Device must answer, and did not; check the port, its baud rate, and that the de"
    with Board(path, timeout=500) as board:
        link = Link(board, manifest)
        # Activations before their tile, behind which everything has to wait.
        words = np.zeros((40, 3), np.uint8)
        with pytest.raises(LinkError, match=message):
            link.transfer([Frame("acts", words), Frame("tiles", words[:1, :2], True)], 1)
        link.reset()
        assert link.read("STATUS") == 0


def test_too_few_results(emitted):
    path, manifest = emitted(CORES["ws"])
    with Board(path) as board:
        link = Link(board, manifest)
        job = job_of(manifest, np.ones((2, 2), int), np.ones((2, 2), int))
        words = {name: next(words) for name, words in job.words().items()}
        frames = [
            Frame("tiles", words["tiles"], True),
            Frame("weights", words["weights"]),
            Frame("acts", words["acts"]),
        ]
        size = manifest.bus["streams"]["results"]["stride"]
        message = f"^Device must give {3 * size} bytes of results, not {2 * size}; reset it$"
        with pytest.raises(LinkError, match=message):
            link.transfer(frames, 3)
        assert len(link.transfer(frames, 2)) == 2


def test_only_designs_with_a_serial_line(tmp_path):
    path = emit(CORES["ws"], tmp_path).manifest
    manifest = Manifest.read(path)
    with pytest.raises(
        ValueError, match=r"^Manifest must be of a core with a serial line, not of ge"
    ):
        Link(None, manifest)
    with pytest.raises(ValueError, match=r"^Design gemm_ws must have a serial line, --top uart$"):
        Board(path)


def test_a_simulation_that_ends(emitted):
    path, manifest = emitted(CORES["ws"])
    with Board(path) as board:
        link = Link(board, manifest)
        board._child.kill()
        with pytest.raises(SimulationError, match=r"^Simulation failed: it ended$"):
            link.read("ID")
