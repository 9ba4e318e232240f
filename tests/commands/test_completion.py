"""Completion in the shell, as argcomplete's scripts for bash, zsh and fish ask for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from brickwork.gen.commands import COMMANDS

POSITS = [f"int4+flint4+posit8_{bits}" for bits in range(3)]


@pytest.fixture
def completed(tmp_path, monkeypatch):
    """What a shell is offered at the end of a line."""
    monkeypatch.chdir(tmp_path)

    def complete(line):
        answer = tmp_path / ".answer"
        answer.write_text("")
        environment = os.environ | {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
            # As bash has them: behind an equals sign the shell itself has the text in front.
            "_ARGCOMPLETE_COMP_WORDBREAKS": " \t\n\"'><=;|&(:",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "COMP_TYPE": "9",
        }
        done = subprocess.run(
            [sys.executable, "-c", "from brickwork.gen.cli import main; main()"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert (done.stdout, done.stderr) == ("", "")
        return [each.strip() for each in answer.read_text().split("\n") if each]

    return complete


def test_commands(completed):
    assert set(COMMANDS) <= set(completed("brickwork "))
    assert completed("brickwork sy") == ["synth"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("brickwork --tr", ["--traceback"]),
        ("brickwork --config A", ["A.npy"]),
        ("brickwork --nothing emit gemm_", []),
        ("brickwork emit --na", ["--name"]),
        ("brickwork check --npu A", ["A.npy"]),
        (
            "brickwork emit gemm_",
            [
                *("gemm_ws", "gemm_os", "gemm_fusion", "gemm_nm", "gemm_outlier"),
                *("gemm_scaled", "gemm_binary"),
            ],
        ),
        ("brickwork --no-config emit e", ["eie"]),
        ("brickwork emit gemm_os --set ou", ["output=", "out_format="]),
        (
            "brickwork emit gemm_os --set output=",
            ["raw", "bias", "scale", "shift", "threshold", "fp32", "bf16", "fp16"],
        ),
        ("brickwork emit gemm_os --set nan_inf=f", ["flag"]),
        ("brickwork emit gemm_os --set a_format=int4+flint4+posit8", POSITS),
        ("brickwork emit eie --set rows=", []),
        ("brickwork emit gemm_os --set index", []),
        ("brickwork emit --set index", ["index_width="]),
        ("brickwork emit gemm_os --top ax", ["axis", "axi"]),
        ("brickwork emit gemm_os --top axis --bus ", ["data_width="]),
        ("brickwork emit gemm_os --bus data_width=1", ["128"]),
        ("brickwork run gemm_fusion --mode a_bits=", ["2", "4", "8", "16"]),
        ("brickwork run eie --mode row_mapping=b", ["balanced"]),
        ("brickwork run gemm_ws --w-layout ", ["kn", "nk"]),
        ("brickwork run gemm_ws --seed ", []),
        ("brickwork run gemm_ws --a A", ["A.npy"]),
        ("brickwork lint gemm_ws ei", ["eie"]),
        ("brickwork build gemm_ws --board ulx3s-1", ["ulx3s-12f"]),
        ("brickwork synth gemm_ws --target ic", ["ice40"]),
        ("brickwork synth gemm_ws --target ice40 --device U", ["UP5K"]),
        ("brickwork compare resn", ["resnet18"]),
        ("brickwork sweep sma", ["small"]),
        ("brickwork formats flint", [f"flint{bits}" for bits in range(3, 9)]),
        ("brickwork quantize A.npy --format int4,fli", [f"int4,flint{n}" for n in range(3, 9)]),
        ("brickwork bench eie_d", ["eie_digits"]),
        ("brickwork cache --clear bu", ["builds"]),
    ],
)
def test_offered(completed, line, offered):
    Path("A.npy").touch()
    assert sorted(completed(line)) == sorted(offered)


def test_not_imported_otherwise():
    code = (
        "import sys\n"
        "from brickwork.gen.cli import main\n"
        "main(['boards'])\n"
        "assert 'argcomplete' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
