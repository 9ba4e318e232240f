"""``brickwork asm``, ``disasm`` and ``check``: programs of the network processor."""

import json

import pytest
from brickwork.gen.cli import main
from brickwork.sim.npu.container import Container
from npu_cores import manifest

SOURCE = """\
load chip=buffer:0x0/4 dram=input:0x0/16 run=12x2 signal=vector ; first rows
vector copy a=0x0/4 out=0x40/4 size=2x4 wait=load signal=store
store chip=buffer:0x40/4 dram=output:0x0/12 run=12x2 wait=vector
halt irq
"""


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """An emitted core, a program, and one with a race."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "npu.json").write_text(manifest().to_json())
    (tmp_path / "net.s").write_text(SOURCE)
    (tmp_path / "race.s").write_text(
        SOURCE.replace(" wait=load", "").replace("vector ;", "store ;")
    )
    return tmp_path


def run(capsys, *argv):
    """Exit status, and both outputs."""
    status = main(list(argv))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_text_and_back(capsys, files):
    status, out, _ = run(capsys, "asm", "net.s", "--npu", "core")
    assert (status, out) == (0, "instructions\t4\nwritten\tnet.bin\n")
    assert (files / "net.bin").stat().st_size == 128
    status, out, _ = run(capsys, "disasm", "net.bin")
    assert (status, out) == (0, SOURCE.replace(" ; first rows", ""))


def test_a_container(capsys):
    status, out, _ = run(capsys, "asm", "net.s", "--npu", "core", "--out", "net.npu", "--json")
    record = json.loads(out)
    assert (status, record["instructions"], record["out"]) == (0, 4, "net.npu")
    container = Container.read("net.npu")
    assert container.digest == record["digest"] == "0123456789abcdef"
    assert run(capsys, "disasm", "net.npu")[:2] == (0, SOURCE)
    status, out, _ = run(capsys, "disasm", "net.npu", "--json")
    assert json.loads(out)["digest"] == container.digest
    assert json.loads(out)["instructions"][0] == {
        "number": 0,
        "line": SOURCE.split(" ;")[0],
        "origin": "first rows",
    }
    assert run(capsys, "check", "net.npu", "--npu", "core")[:2] == (
        0,
        "net.npu\t4 instructions\tok\n",
    )


def test_findings(capsys):
    run(capsys, "asm", "race.s", "--npu", "core")
    status, out, _ = run(capsys, "check", "race.bin", "--npu", "core", "--json")
    record = json.loads(out)
    assert (status, record["clean"], record["instructions"]) == (1, False, 4)
    numbers = [finding["number"] for finding in record["findings"]]
    assert numbers == [0, 1]
    assert "gives token 1 to store, which takes only 0" in record["findings"][0]["reason"]
    assert "reads words 0 to 7 of buffer" in record["findings"][1]["reason"]
    status, out, _ = run(capsys, "check", "race.bin", "--npu", "core")
    assert status == 1
    assert out.splitlines()[-1] == "race.bin\t4 instructions\t2 findings"


def test_segments_of_a_container(capsys, files):
    run(capsys, "asm", "net.s", "--npu", "core", "--out", "net.npu")
    container = Container.read("net.npu")
    small = Container(
        digest=container.digest,
        program=container.program,
        segments={"input": 28, "output": 23},
        source_map=["", "", "fc"],
    )
    (files / "small.npu").write_bytes(small.to_bytes())
    status, out, _ = run(capsys, "check", "small.npu", "--npu", "core")
    assert status == 1
    assert out.splitlines()[0].endswith("up to 23, which has 23 bytes; move or shrink it\tfc")


ERRORS = {
    ("asm", "none.s", "--npu", "core"): (
        "Program none.s cannot be read: No such file or directory"
    ),
    ("asm", "bad.s", "--npu", "core"): (
        "bad.s:2:6: Engine must be one of load, matrix, vector, store, not 'dma'"
    ),
    ("asm", "net.s", "--npu", "none"): "Folder none cannot be read: No such file or directory",
    ("asm", "net.s", "--npu", "core", "--out", "core"): (
        "Program must be written to a file, not to the folder 'core'"
    ),
    ("asm", "net.s", "--npu", "eie.json"): (
        "Manifest {folder}/eie.json must be that of a network processor (npu), not of eie"
    ),
    ("check", "none.bin", "--npu", "core"): (
        "Program none.bin cannot be read: No such file or directory"
    ),
    ("check", "bad.bin", "--npu", "core"): (
        "bad.bin: Instruction 1: Reserved bit 255 of halt must be 0"
    ),
    ("disasm", "short.bin"): "short.bin: Program must have a multiple of 32 bytes, not 33",
    ("disasm", "damaged.npu"): (
        "Container damaged.npu is damaged: its section program does not have its CRC-32"
    ),
    ("check", "other.npu", "--npu", "core"): (
        "other.npu was compiled for npu-fedc, not for npu-0123456789abcdef: compile it again for "
        "this core"
    ),
}


@pytest.mark.parametrize("argv", ERRORS, ids=" ".join)
def test_mistakes(argv, capsys, files):
    (files / "bad.s").write_text("halt\nsync dma\n")
    (files / "bad.bin").write_bytes(bytes(63) + b"\x80")
    (files / "short.bin").write_bytes(bytes(33))
    other = Container(digest="fedc", program=bytes(32)).to_bytes()
    (files / "other.npu").write_bytes(other)
    (files / "damaged.npu").write_bytes(other.replace(bytes(32), b"\1" + bytes(31)))
    eie = json.loads(manifest().to_json()) | {"design": "eie", "isa": {}}
    (files / "eie.json").write_text(json.dumps(eie))
    status, out, err = run(capsys, *argv)
    assert (status, out) == (2, "")
    assert err == f"brickwork: error: {ERRORS[argv].format(folder=files)}\n"
