"""Manifests: of other versions, damaged, beside files of others."""

import json
import re

import pytest
from brickwork import GemmOs
from brickwork.gen.designs import registry
from brickwork.gen.designs.wrappers import wrapped
from brickwork.gen.emission.emit import emit, outline
from brickwork.sim.designs.registry import model
from brickwork.sim.manifest import SCHEMA, Manifest

CORE = GemmOs(rows=2, cols=2)
AGAIN = "; emit the design again"


@pytest.fixture
def folder(tmp_path):
    """The manifest of a small core behind AXI4; the folder has no Verilog."""
    text = outline(wrapped(CORE, "axi")).to_json()
    (tmp_path / "gemm_os_axi.json").write_text(text, "utf-8")
    return tmp_path


@pytest.fixture
def change(folder):
    """Changes the manifest, and gives its path."""
    path = folder / "gemm_os_axi.json"

    def change_(edit):
        entries = json.loads(path.read_text("utf-8"))
        edit(entries)
        path.write_text(json.dumps(entries), "utf-8")
        return path

    return change_


def refused(message, call, *arguments):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(*arguments)


def test_files_of_others_beside_it(folder):
    (folder / "interconnect.json").write_text('{"bus": "axi4", "masters": 2}')
    (folder / "list.json").write_text("[1, 2]")
    (folder / "broken.json").write_text("{")
    (folder / "binary.json").write_bytes(b"\xff\xfe\xfd")
    manifest = Manifest.at(folder, ("axis", "axi"))
    assert manifest.path == folder / "gemm_os_axi.json"
    assert registry.of_manifest(manifest) == CORE
    assert Manifest.at(folder / "gemm_os_axi.json", ("axi",)).digest == manifest.digest


def test_folders_without_one(folder, tmp_path):
    message = "must hold one manifest of a core in the bus wrapper uart, not 0; see brickwork emit "
    refused(f"Folder {folder} {message}--top uart", Manifest.at, folder, ("uart",))
    path = folder / "gemm_os_axi.json"
    refused(
        f"Manifest {path} must be of a core in the bus wrapper uart, not axi; see brickwork emit "
        "--top uart",
        *(Manifest.at, path, ("uart",)),
    )
    (tmp_path / "empty").mkdir()
    refused(
        f"Folder {tmp_path / 'empty'} must hold one manifest, not 0",
        *(Manifest.at, tmp_path / "empty"),
    )
    refused(
        f"Folder {tmp_path / 'none'} cannot be read: No such file or directory",
        *(Manifest.at, tmp_path / "none"),
    )


def test_two_in_a_folder(folder):
    (folder / "b.json").write_text(outline(wrapped(CORE, "axis")).to_json(), "utf-8")
    refused(
        f"Folder {folder} must hold one manifest of a core in the bus wrapper axis or axi, not 2 "
        "(b.json, gemm_os_axi.json); name one of the files",
        *(Manifest.at, folder, ("axis", "axi")),
    )
    assert Manifest.at(folder, ("axis",)).wrapper == "axis"


def test_byte_order_marks(folder):
    path = folder / "gemm_os_axi.json"
    text = path.read_text("utf-8")
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
        assert Manifest.at(folder).digest == wrapped(CORE, "axi").digest


def test_damaged(folder):
    path = folder / "gemm_os_axi.json"
    path.write_text(path.read_text("utf-8")[:300], "utf-8")
    with pytest.raises(ValueError, match=rf"^Manifest {path} is not JSON: .*{AGAIN}$"):
        Manifest.at(folder)
    path.write_text("[" * 100_000, "utf-8")
    refused(f"Manifest {path} is not JSON that Python can read", Manifest.read, path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda entries: entries.update(schema=1),
            f"must have the schema {SCHEMA}, not 1{AGAIN}",
        ),
        (lambda entries: entries.pop("schema"), f"must have the schema {SCHEMA}{AGAIN}"),
        (lambda entries: entries.pop("top"), f"lacks the field 'top'{AGAIN}"),
        (
            lambda entries: entries.update(ports={}),
            f"is malformed: ports must be a list{AGAIN}",
        ),
        (
            lambda entries: entries["streams"].update(acts=[]),
            f"is malformed: streams['acts'] must be an object{AGAIN}",
        ),
    ],
)
def test_wrong_fields(change, edit, message):
    path = change(edit)
    refused(f"Manifest {path} {message}", Manifest.read, path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda parameters: parameters.pop("nan_inf"),
            f" lacks the parameter 'nan_inf' of gemm_os{AGAIN}",
        ),
        (
            lambda parameters: parameters.update(specials="flag"),
            f" must not have the parameter 'specials' of gemm_os{AGAIN}",
        ),
        (
            lambda parameters: parameters.update(rows="two"),
            f": Row count must be an integer from 1 to 1024, not 'two'{AGAIN}",
        ),
        (
            lambda parameters: parameters.update(rows=3),
            f" must have the digest {wrapped(GemmOs(rows=3, cols=2), 'axi').digest} of its "
            f"parameters, not '{wrapped(CORE, 'axi').digest}'{AGAIN}",
        ),
    ],
)
def test_wrong_parameters(change, edit, message):
    path = change(lambda entries: edit(entries["parameters"]))
    refused(f"Manifest {path}{message}", registry.of_manifest, Manifest.read(path))


def test_entries_that_a_job_misses(change):
    """A host that has only the manifest names the entry, too."""
    path = change(lambda entries: entries["timing"].pop("cycle_slack"))
    refused(
        f"Manifest {path} lacks the entry 'cycle_slack'{AGAIN}",
        *(model(Manifest.read(path)).job, [[1]], [[1]]),
    )


def test_emitted_ones_are_complete(tmp_path):
    for top in ("stream", "axis", "axi", "uart"):
        manifest = Manifest.at(emit(wrapped(CORE, top), tmp_path).folder)
        assert registry.of_manifest(manifest) == CORE
