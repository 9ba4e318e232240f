"""The READMEs: commands and snippets run word for word, links lead somewhere, diagrams are whole.

The fenced blocks ``sh`` and ``python`` of a README run in their order, in a temporary folder of
that README; blocks of other languages are shown only. HTML comments on the lines before a block
say what is special about it:

* ``<!-- not run: reason -->``: it needs a board, a vendor's tool or minutes.
* ``<!-- needs: program -->``: it is left out where the program is not installed.
* ``<!-- file: name -->``: it is the content of that file, which later blocks use.
* ``<!-- prints: pattern -->``: the regular expression matches in what the block prints.

``pytest -s tests/test_documents.py -k not_run`` lists what does not run.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

import pytest
from brickwork.gen import cli

ROOT = Path(__file__).resolve().parents[1]

ROOMS = ("hdl", "gen", "sim", "constraints", "tests")


def find(pattern):
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob(pattern))


READMES = find("README.md")
DOCUMENTS = [ROOT / "README.md", *READMES]
DRAWINGS = find("*.svg")
WAVES = find("waves/*.json")

#: Documents of which each is seconds of builds, syntheses or sweeps. Tests of their folders have
#: the same commands, with other parameters.
SLOW = {
    *("constraints/README.md", "gen/sweep/README.md", "hdl/formats/README.md"),
    *("hdl/fusion/README.md", "hdl/sparse/README.md", "sim/host/README.md"),
}

#: Folders of modules that the README of another folder describes.
DESCRIBED_ABOVE = ("gen/package", "gen/collateral/verilog_bench")

COMMENT = re.compile(r"<!-- (not run|needs|file|prints): ?(.*?) ?-->")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
#: A path of this project in the text.
PATH = re.compile(r"`((?:hdl|gen|sim|tests|constraints)/[\w./]*\w)/?`")
#: A module in the folder of a README, or below; ``conv_…`` are emitted.
MODULE = re.compile(r"`((?!(?:hdl|gen|sim|tests|conv_))[\w/]+\.py)`")

#: An identifier in snake case or camel case, without or with the brackets of a call.
IDENTIFIER = re.compile(r"`([A-Za-z]+_\w+|[A-Z]\w*[a-z]\w*)(?:\([^`]*\))?`")
SETTING = re.compile(r"--(?:set|mode|bus) (\w+)=")
#: Names that are not of the code.
EXAMPLES = {"conv_text", "Conv", "NAME"}
#: Parameters that are about to get these names.
PENDING = {"run_length_width", "entries_per_cycle", "skip_empty_columns", "nan_inf"}

#: Longest run of one line of shell or one snippet, in seconds; builds of a cold cache included.
LIMIT = 500

#: What ``brickwork`` and ``python`` are in a line of shell.
FUNCTIONS = """\
brickwork() { "$PYTHON" -m brickwork.gen "$@"; }
python() { "$PYTHON" "$@"; }
"""


class Block(NamedTuple):
    """A fenced block: its language, text, first line's number, and comments by their kind."""

    language: str
    text: str
    line: int
    comments: dict[str, str]

    @property
    def runs(self):
        return self.language in ("sh", "python") and "not run" not in self.comments

    @property
    def missing(self):
        """Programs that the block needs and that are not installed."""
        needs = self.comments.get("needs", "").split()
        return [program for program in needs if shutil.which(program) is None]


def name_of(path):
    return str(path.relative_to(ROOT))


def split(document):
    """The blocks of a document, and its lines outside of them with their numbers."""
    blocks, prose, comments, fence = [], [], {}, None
    for number, line in enumerate(document.read_text("utf-8").splitlines(), 1):
        if fence is not None:
            if line == "```":
                language, start, lines = fence
                blocks.append(Block(language, "\n".join(lines), start, comments))
                comments, fence = {}, None
            else:
                fence[2].append(line)
        elif line.startswith("```"):
            fence = line[3:], number + 1, []
        else:
            prose.append((number, line))
            match = COMMENT.fullmatch(line)
            comments = comments | {match[1]: match[2]} if match else {}
    assert fence is None, f"{name_of(document)}:{fence[1]}: a block does not end"
    return blocks, prose


def command_lines(block):
    """The commands of a block of shell; one may go on after a backslash."""
    for command in re.sub(r"\\\n\s*", "", block.text).splitlines():
        if command.strip() and not command.startswith("#"):
            yield command


def environment():
    variables = dict(os.environ) | {"PYTHON": sys.executable}
    variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]])
    variables.pop("VERILATOR_ROOT", None)
    return variables


def run(arguments, folder):
    """Exit status and output of a program."""
    process = subprocess.run(
        arguments,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    return process.returncode, process.stdout


def run_block(block, folder, exports):
    """Run a block in a folder; returns its output, and why it failed, if it did."""
    if block.language == "python":
        status, output = run([sys.executable, "-c", block.text], folder)
        return output, f"exit status {status}" if status else None
    printed = []
    for command in command_lines(block):
        if command.startswith("export "):
            exports.append(command)
            continue
        script = "\n".join([FUNCTIONS, *exports, command])
        status, output = run(["bash", "-e", "-c", script], folder)
        printed.append(output)
        if status:
            return "".join(printed), f"{command}: exit status {status}"
    return "".join(printed), None


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(document, marks=pytest.mark.slow if name_of(document) in SLOW else ())
        for document in DOCUMENTS
    ],
    ids=name_of,
)
def test_blocks_run(document, tmp_path):
    """Every block is tried, also after one that failed."""
    failures, exports = [], []
    for block in split(document)[0]:
        if "file" in block.comments:
            (tmp_path / block.comments["file"]).write_text(block.text + "\n", "utf-8")
            continue
        if not block.runs or block.missing:
            continue
        output, failure = run_block(block, tmp_path, exports)
        pattern = block.comments.get("prints", "")
        if failure is None and not re.search(pattern, output, re.MULTILINE):
            failure = f"does not print {pattern!r}"
        if failure:
            failures.append(f"{name_of(document)}:{block.line}: {failure}\n{output[-2500:]}")
    assert not failures, "\n".join(failures)


def test_blocks_are_found():
    counts = {}
    for document in DOCUMENTS:
        for block in split(document)[0]:
            counts[block.language, block.runs] = counts.get((block.language, block.runs), 0) + 1
    assert counts["sh", True] >= 30
    assert counts["python", True] >= 9


def test_not_run():
    """What does not run has a reason; prints all of it."""
    for document in DOCUMENTS:
        for block in split(document)[0]:
            missing = f"without {' '.join(block.missing)}" if block.missing else None
            reason = block.comments.get("not run", missing)
            if reason is not None:
                assert len(reason) > 3, f"{name_of(document)}:{block.line}: no reason"
                for command in block.text.splitlines():
                    print(f"{name_of(document)}: {reason}: {command}")


def test_commands_are_parsed():
    """Commands, options and choices of the command line exist, where they do not run, or seldom."""
    commands = [
        shlex.split(command, comments=True)[1:]
        for document in DOCUMENTS
        for block in split(document)[0]
        if block.language == "sh" and (name_of(document) in SLOW or not block.runs)
        for command in command_lines(block)
        if command.startswith("brickwork ")
    ]
    assert len(commands) > 30
    for arguments in commands:
        cli._parser(arguments).parse_args(arguments)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_form(document):
    """Blocks are fenced and have a language; comments belong to one; lines have 100 columns."""
    blocks, prose = split(document)
    languages = {"sh", "python", "text", "toml", "c", "verilog"}
    for block in blocks:
        location = f"{name_of(document)}:{block.line}"
        assert block.language in languages, f"{location}: language {block.language!r}"
        for line in block.text.splitlines():
            assert len(line) <= 110, f"{location}: {line}"
    before = ""
    for number, line in prose:
        location = f"{name_of(document)}:{number}"
        assert not (line.startswith("    ") and not before), f"{location}: a block without fence"
        assert len(line) <= 100 or line.startswith(("|", "![", "<!--")), f"{location}: too long"
        assert "<!--" not in line or COMMENT.fullmatch(line), f"{location}: unknown comment"
        before = line


def anchors(document):
    """What GitHub calls the headings of a document."""
    for _, line in split(document)[1]:
        if line.startswith("#"):
            text = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            yield text.replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links(document):
    """Links within the project lead to files and headings; paths in the text exist."""
    for number, line in split(document)[1]:
        location = f"{name_of(document)}:{number}"
        for link in LINK.findall(line):
            if link.startswith(("http:", "https:")):
                continue
            file, _, anchor = link.partition("#")
            target = document.parent / file if file else document
            assert target.exists(), f"{location}: {link}"
            if anchor:
                assert anchor in anchors(target), f"{location}: {link}"
        for path in PATH.findall(line):
            assert (ROOT / path).exists(), f"{location}: {path}"
        for name in MODULE.findall(line):
            folders = [document.parent, ROOT / "tests" / "lib"]
            assert any((folder / name).exists() for folder in folders), f"{location}: {name}"


def test_names_exist():
    """Identifiers in the text, and settings on command lines, are those of the code."""
    sources = [path for ending in ("py", "c", "h", "v", "toml") for path in find(f"*.{ending}")]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    words = set(re.findall(r"\b(?:top_)?(\w+)", text))  # the C driver's have the core's name
    names = [
        (name, f"{name_of(document)}:{number}")
        for document in DOCUMENTS
        for number, line in split(document)[1]
        for name in IDENTIFIER.findall(line) + SETTING.findall(line)
    ]
    assert len(names) > 200
    wrong = [f"{line}: {name}" for name, line in names if name not in words | EXAMPLES | PENDING]
    assert not wrong, wrong


def test_the_first_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_folders_have_readmes():
    """Trees like that of ``hdl`` are described once, at their root."""
    folders = {path.parent.relative_to(ROOT) for path in find("__init__.py")}
    folders = {path for path in folders if path.parts[:2] not in (("sim", "golden"), ("sim", "tb"))}
    folders |= {Path(room) for room in ROOMS} | {Path("sim/golden"), Path("sim/tb")}
    folders -= set(map(Path, DESCRIBED_ABOVE))
    assert folders <= {path.parent.relative_to(ROOT) for path in READMES}


@pytest.mark.parametrize("document", READMES, ids=name_of)
def test_folders_say_what_they_hold_and_how_to_add_to_it(document):
    prose = [line for _, line in split(document)[1]]
    headings = [number for number, line in enumerate(prose) if line.startswith("## ")]
    assert prose[0] == f"# `{document.parent.relative_to(ROOT)}/`"
    introduction = "\n".join(prose[: headings[0]])
    assert re.search(r"\bRead\s", introduction)
    assert prose[headings[-1]].startswith("## How to add ")
    assert sum(line.startswith(("1. ", "2. ", "- ")) for line in prose[headings[-1] :]) >= 2


@pytest.mark.parametrize("path", DRAWINGS, ids=name_of)
def test_drawings(path):
    """A drawing is XML with a size and a white ground, and a README shows it."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("width")
    assert root.get("height")
    ground = root.find("{http://www.w3.org/2000/svg}rect")
    assert ground.get("width") == root.get("width")
    assert "#ffffff" in (ground.get("fill") or ground.get("style"))
    shown = {
        (document.parent / link).resolve()
        for document in DOCUMENTS
        for _, line in split(document)[1]
        for link in re.findall(r"!\[[^\]]+\]\(([^)\s]+)\)", line)
    }
    assert path.resolve() in shown


@pytest.mark.parametrize("path", WAVES, ids=name_of)
def test_waves(path):
    """A wave diagram's source lies beside it, and its signals have as many cycles each."""
    source = json.loads(path.read_text("utf-8"))
    assert path.with_suffix(".svg").is_file()
    assert len({len(signal["wave"]) for signal in source["signal"] if signal}) == 1
    text = path.with_suffix(".svg").read_text("utf-8")
    for signal in source["signal"]:
        assert not signal or signal["name"] in text
