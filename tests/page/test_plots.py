"""Settings of plots: those of a user's matplotlibrc have no influence."""

import os
import subprocess
import sys

import pytest
from brickwork.gen.lib.plots import rendered, settings
from matplotlib import rc_context, rcParams
from matplotlib.figure import Figure
from sweep_results import many, write

HOSTILE = {
    "text.usetex": True,
    "font.family": "NoSuchFont",
    "axes.unicode_minus": False,
    "axes.formatter.use_locale": True,
    "figure.facecolor": "black",
    "lines.linewidth": 9,
    "path.sketch": "1, 100, 2",
    "savefig.bbox": "tight",
    "savefig.dpi": 7,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "text.hinting": "none",
}
#: What only a file can hold: values and keys that matplotlib does not have.
FILE = "".join(f"{name}: {value}\n" for name, value in HOSTILE.items())
FILE += "backend: NoSuchBackend\nno.such.key: 3\nno colon\n"


def figure():
    with settings(font_size=12):
        drawn = Figure(figsize=(2, 2))
        drawn.subplots().plot([-2, 1], [-1, 5])
        return rendered(drawn), rendered(drawn, format="png", dpi=50)


def test_settings_of_the_user_have_no_influence():
    plain = figure()
    with rc_context(HOSTILE):
        before = dict(rcParams)
        assert figure() == plain
        assert dict(rcParams) == before


@pytest.fixture
def report(tmp_path):
    """Runs ``brickwork report`` in a process of its own; returns it and the files it wrote."""
    write(tmp_path / "r", many(shapes=((4, 4), (8, 8)), formats=("int8",)))

    def run(out, **environment):
        command = [sys.executable, "-m", "brickwork.gen", "report", "r", "--quiet", "--out", out]
        env = {name: os.environ[name] for name in os.environ if name != "MPLCONFIGDIR"}
        done = subprocess.run(
            command, cwd=tmp_path, env=env | environment, capture_output=True, encoding="utf-8"
        )
        files = (tmp_path / out).rglob("*.*")
        return done, {path.name: path.read_bytes() for path in files}

    return run


@pytest.mark.slow
def test_report_with_a_hostile_matplotlibrc_and_no_folder_for_it(report, tmp_path):
    done, plain = report("plain")
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "matplotlibrc").write_text(FILE)
    (tmp_path / "file").touch()
    done, files = report("hostile", MPLCONFIGDIR=str(tmp_path / "file"))
    assert (done.returncode, done.stderr) == (0, "")
    assert files == plain


def test_report_with_a_matplotlibrc_that_is_no_text(report, tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"\xff: 1\n")
    done, files = report("out")
    assert (done.returncode, files) == (2, {})
    assert done.stderr == (
        "brickwork: error: Plots need a matplotlibrc in UTF-8; correct the file, which is in the "
        "working folder, in $MPLCONFIGDIR or in ~/.config/matplotlib\n"
    )
