"""The list of studies: names, options, help without slow imports, and the files that all write."""

import inspect
import json
import subprocess
import sys

import pytest
from brickwork.gen import studies
from brickwork.gen.cli import main
from brickwork.gen.studies.study import SCHEMA, Study


@pytest.mark.parametrize("entry", studies.ENTRIES, ids=lambda entry: entry.name)
def test_entries(entry):
    study = entry.load()
    assert isinstance(study, Study)
    parameters = inspect.signature(study.measure).parameters
    assert next(iter(parameters)) == "out"
    assert set(entry.options) <= set(parameters)
    assert set(entry.options) <= set(studies.OPTIONS)


def test_names():
    names = [entry.name for entry in studies.ENTRIES]
    assert len(set(names)) == len(names)
    assert {option for entry in studies.ENTRIES for option in entry.options} == set(studies.OPTIONS)


def test_help(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    text = capsys.readouterr().out
    for entry in studies.ENTRIES:
        assert f"  {entry.name} " in text
        assert entry.summary in text
    assert "options of bitfusion, speed:\n  --large" in text


def test_help_imports_nothing_slow():
    code = (
        "import sys, brickwork.gen.studies, brickwork.gen.commands.bench\n"
        "print({'amaranth', 'numpy', 'matplotlib'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout == "set()\n"


def test_unknown_study(tmp_path, capsys):
    assert main(["bench", "cycles", "nothing", "--out", str(tmp_path / "out")]) == 2
    names = ", ".join(entry.name for entry in studies.ENTRIES)
    message = f"brickwork: error: Study must be one of {names}, not 'nothing'\n"
    assert capsys.readouterr().err == message
    assert not (tmp_path / "out").exists()


def test_files(tmp_path):
    def draw(records, path):
        path.write_text(f"{len(records)} records")

    records = [{"name": "a", "value": 1000}, {"name": "b", "value": None}]
    study = Study(
        measure=lambda out: records,
        report=lambda records: ["Above", records, "Below"],
        plot=draw,
        columns={"name": "of a record"},
        context=lambda: {"size": 2},
    )
    text = study.write(tmp_path, "mine", records)
    table = "name  value\na     1,000\nb"
    assert text == f"Above\n\n{table}\n\nBelow\n\nplot: {tmp_path / 'mine.svg'}"
    assert (tmp_path / "mine.svg").read_text() == "2 records"
    written = json.loads((tmp_path / "mine.json").read_text())
    assert {"python", "brickwork", "amaranth", "pyosys"} <= set(written.pop("tools"))
    assert written == {
        "schema": SCHEMA,
        "size": 2,
        "columns": {"name": "of a record"},
        "records": records,
    }
    assert Study(measure=study.measure).text(records) == table
