"""The commands of README's section on other tools, word for word, one after the other."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADING = "## Use it in your project\n"

#: Programs that are not installed with Brickwork, and by what a command is known that needs them.
NEEDS = {
    "iverilog": r"iverilog|--target=sim(?!.*--tool verilator)",
    "perl": r"--target=lint|--tool verilator",
    "vivado": r"^vivado|--target=vivado",
    "yosys": r"--target=synth",
}


def commands():
    """The lines of the section's code blocks."""
    section = (ROOT / "README.md").read_text("utf-8").partition(HEADING)[2].partition("\n## ")[0]
    return re.findall(r"^ {4}(\S.*)$", section, re.MULTILINE)


def test_commands(tmp_path):
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    environment.pop("VERILATOR_ROOT", None)
    lacking = [name for name in NEEDS if shutil.which(name) is None]
    exports, ran = [], []
    for command in commands():
        if command.startswith("export "):
            exports.append(command)
            continue
        if any(re.search(NEEDS[name], command) for name in lacking):
            continue
        done = subprocess.run(
            ["bash", "-e", "-c", "\n".join([*exports, command])],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}"
        if "sim" in command or "vvp" in command:
            assert re.search(r"^PASS: \d+ cycles$", done.stdout, re.MULTILINE), done.stdout
        ran.append(command.split()[0])
    assert {"brickwork", "fusesoc"} <= set(ran) or "perl" in lacking
