"""The pipelines for continuous integration: valid YAML, and commands that do what they say."""

import shlex

import pytest
import yaml
from brickwork import GemmOs
from brickwork.gen import cli
from brickwork.gen.collateral.ci import HOSTS, ci
from brickwork.gen.designs.wrappers import Axi, Axis, Uart
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest
from integration import CORES, LINE

CASES = {
    "stream": CORES["gemm_ws"],
    "axis": Axis(core=CORES["eie"], data_width=128),
    "axi": Axi(core=GemmOs(rows=1, cols=1), data_width=32),
    "uart": Uart(core=CORES["gemm_fusion"], **LINE),
}


def steps(host, text):
    """Variables and commands of a pipeline."""
    pipeline = yaml.safe_load(text)
    if host == "github":
        [job] = pipeline["jobs"].values()
        return pipeline["env"], [step["run"] for step in job["steps"] if "run" in step]
    [job] = pipeline.values()
    return job["variables"], job["script"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("top", CASES)
def test_pipeline(host, top, tmp_path, monkeypatch, capsys):
    """Its commands name the core, and emit the same Verilog again."""
    emission = emit(CASES[top], tmp_path / "first", "conv")
    manifest = Manifest.read(emission.manifest)
    [(name, text)] = ci(manifest, host).items()
    assert name == f"conv_{host}.yml"
    assert max(map(len, text.splitlines())) <= 100
    variables, commands = steps(host, text)
    axi = "[axi]" if top in ("axis", "axi") else ""
    assert variables["BRICKWORK"] == f"brickwork{axi}=={manifest.tools['brickwork']}"
    commands = [
        shlex.split(command.replace("$CORE", variables["CORE"]).replace("$BRICKWORK", "-"))
        for command in commands
    ]
    assert [command[:2] for command in commands] == [
        ["pip", "install"],
        ["brickwork", "lint"],
        ["brickwork", "sim"],
        ["brickwork", "emit"],
        ["git", "diff"],
    ]
    for _, *command in commands[1:4]:
        assert cli._parser(command).parse_args(command).settings
    # The others take minutes.
    monkeypatch.chdir(tmp_path)
    assert cli.main(commands[3][1:]) == 0
    again = tmp_path / "rtl" / emission.folder.name / "conv.v"
    assert again.read_bytes() == emission.verilog.read_bytes()
    capsys.readouterr()


@pytest.mark.parametrize("host", HOSTS)
def test_name_that_yaml_takes_for_a_truth_value(host, tmp_path):
    manifest = Manifest.read(emit(CASES["axi"], tmp_path, "no").manifest)
    pipeline = yaml.safe_load(ci(manifest, host)[f"no_{host}.yml"])
    assert "no" in (pipeline["jobs"] if host == "github" else pipeline)


@pytest.mark.parametrize("host", HOSTS)
def test_command(host, tmp_path, capsys):
    """``emit --ci`` knows all hosts, and names the file."""
    settings = ["--set", "rows=1", "--set", "cols=1"]
    assert cli.main(["emit", "gemm_os", *settings, "--out", str(tmp_path), "--ci", host]) == 0
    [file] = tmp_path.glob(f"*/gemm_os_{host}.yml")
    assert f"file\t{file}\n" in capsys.readouterr().out
