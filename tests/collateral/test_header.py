"""The C header of a core behind a bus."""

import re
import subprocess

import pytest
from brickwork.gen.collateral.header import header
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator import toolchain
from c_driver import C99, emit_top

TOPS = {
    "gemm_ws": ("gemm_ws rows=3 cols=5 output=scale", "axi", "address_width=40"),
    "gemm_os": ("gemm_os rows=3 cols=5 a_format=int4+flint4+int8", "axis", "data_width=128"),
    "gemm_fusion": ("gemm_fusion rows=3 cols=5", "axi"),
    "eie": ("eie pes=4 columns=64 entries=256", "axi"),
}


@pytest.fixture(params=TOPS, scope="module")
def manifest(request, tmp_path_factory):
    return emit_top(tmp_path_factory.mktemp("tops"), *TOPS[request.param])[1]


def macros(text):
    found = re.findall(r"^#define (\w+)(\(X\))? ?(.*?)(?: +/\*.*\*/)?$", text, re.M)
    names = [name for name, *_ in found]
    assert len(names) == len(set(names)), "a macro is defined twice"
    return {name: value for name, _, value in found}


def number(text):
    return int(text.rstrip("u"), 0)


def test_registers_and_streams_are_the_manifests(manifest):
    found = macros(header(manifest))
    top = manifest.top.upper()
    assert all(name.startswith(f"{top}_") for name in found)
    for register in manifest.bus["registers"]:
        assert number(found[f"{top}_REG_{register['name']}"]) == register["offset"]
        assert number(found[f"{top}_{register['name']}_RESET"]) == register["reset"]
        for part in register["fields"]:
            if part["name"] == "value":
                continue
            field = f"{top}_{register['name']}_{part['name'].upper()}"
            assert number(found[f"{field}_LOW"]) == part["low"]
            assert number(found[f"{field}_MASK"]) == (2 ** part["width"] - 1) << part["low"]
    for name, layout in manifest.bus["streams"].items():
        for what in ("index", "width", "stride", "words_per_beat", "beats_per_word"):
            assert number(found[f"{top}_{name}_{what}".upper()]) == layout[what]
        for part in manifest.streams[name]["fields"]:
            for what in ("offset", "width", "count", "signed"):
                assert number(found[f"{top}_{name}_{part['name']}_{what}".upper()]) == part[what]
    assert found[f"{top}_DIGEST_TEXT"] == f'"{manifest.digest}"'
    assert f"{number(found[f'{top}_DIGEST_RESET']):08x}" == manifest.digest[:8]
    assert number(found[f"{top}_IS_{manifest.design.upper()}"]) == 1
    assert sum(number(value) for name, value in found.items() if f"{top}_IS_" in name) == 1
    assert number(found[f"{top}_HAS_DMA"]) == (manifest.bus["top"] == "axi")


@pytest.mark.parametrize(
    "language", [C99, ("-x", "c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic")]
)
def test_compiles(manifest, language, tmp_path):
    """As C99 and as C++17, twice included, with every macro's value used."""
    text = header(manifest)
    (tmp_path / "top.h").write_text(text)
    lines = ['#include "top.h"', '#include "top.h"']
    for index, (name, value) in enumerate(macros(text).items()):
        if re.fullmatch(r"-?[0-9][0-9A-Fa-fx]*u?", value):
            lines.append(f"extern const long long v{index};\nconst long long v{index} = {name};")
        elif value.startswith('"'):
            lines.append(f"extern const char v{index}[];\nconst char v{index}[] = {name};")
    assert len(lines) > 100
    source = tmp_path / "main.c"
    source.write_text("\n".join(lines) + "\n")
    command = [*toolchain.compiler().command, *language, "-c", "-o", str(tmp_path / "main.o")]
    subprocess.run([*command, str(source)], check=True)


def test_other_name():
    """Names come from the top's, and what ends a comment does not end one here."""
    manifest = Manifest(
        verilog="conv1.v",
        ports=[],
        top="conv1",
        design="eie",
        digest="0123456789ab",
        parameters={"pes": 4},
        derived={},
        streams={"results": {"fields": []}},
        bus={
            "top": "axis",
            "data_width": 32,
            "registers": [
                {
                    "name": "ID",
                    "offset": 0,
                    "access": "ro",
                    "reset": 1,
                    "meaning": "a */ b",
                    "fields": [],
                }
            ],
            "errors": {"READ": {"number": 4, "meaning": 'a "b"'}},
            "streams": {
                "results": dict.fromkeys(
                    ("index", "width", "stride", "words_per_beat", "beats_per_word"), 1
                )
            },
        },
    )
    text = header(manifest)
    assert all(name.startswith("CONV1_") for name in macros(text))
    assert "a * / b" in text
    assert r'X(READ, 4, "a \"b\"")' in text
