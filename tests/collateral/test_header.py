"""The C header of a core behind a bus."""

import re
import subprocess

import pytest
from brickwork.gen.collateral.header import header
from brickwork.gen.designs import registry
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
    definitions = re.findall(r"^#define (\w+)(\(X\))? ?(.*?)(?: +/\*.*\*/)?$", text, re.M)
    names = [name for name, *_ in definitions]
    assert len(names) == len(set(names)), "a macro is defined twice"
    return {name: value for name, _, value in definitions}


def number(text):
    return int(text.rstrip("u"), 0)


def test_registers_and_streams_are_the_manifests(manifest):
    values = macros(header(manifest))
    top = manifest.top.upper()
    assert all(name.startswith(f"{top}_") for name in values)
    for register in manifest.bus["registers"]:
        assert number(values[f"{top}_REG_{register['name']}"]) == register["offset"]
        assert number(values[f"{top}_{register['name']}_RESET"]) == register["reset"]
        for field in register["fields"]:
            if field["name"] == "value":
                continue
            macro = f"{top}_{register['name']}_{field['name'].upper()}"
            assert number(values[f"{macro}_LOW"]) == field["low"]
            assert number(values[f"{macro}_MASK"]) == (2 ** field["width"] - 1) << field["low"]
    for name, layout in manifest.bus["streams"].items():
        for figure in ("index", "width", "stride", "words_per_beat", "beats_per_word"):
            assert number(values[f"{top}_{name}_{figure}".upper()]) == layout[figure]
        for field in manifest.streams[name]["fields"]:
            for figure in ("offset", "width", "count", "signed"):
                macro = f"{top}_{name}_{field['name']}_{figure}".upper()
                assert number(values[macro]) == field[figure]
    assert values[f"{top}_DIGEST_TEXT"] == f'"{manifest.digest}"'
    assert f"{number(values[f'{top}_DIGEST_RESET']):08x}" == manifest.digest[:8]
    assert values[f"{top}_REVISION_TEXT"] == f'"{manifest.revision}"'
    assert f"{number(values[f'{top}_REVISION_RESET']):08x}" == manifest.revision
    word = number(values[f"{top}_GENERATOR_RESET"])
    version = f"{word >> 16}.{word >> 8 & 255}.{word & 255}"
    assert values[f"{top}_GENERATOR_TEXT"] == f'"{version}"' == f'"{manifest.tools["brickwork"]}"'
    assert number(values[f"{top}_IS_{manifest.design.upper()}"]) == 1
    assert sum(number(value) for name, value in values.items() if f"{top}_IS_" in name) == 1
    assert {f"{top}_IS_{name.upper()}" for name in registry.DESIGNS} <= set(values)
    assert number(values[f"{top}_HAS_DMA"]) == (manifest.bus["top"] == "axi")


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
        tools={"brickwork": "1.2.3"},
        revision="89abcdef",
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
    assert "Generated by Brickwork 1.2.3, RTL revision 89abcdef;" in text
    assert all(name.startswith("CONV1_") for name in macros(text))
    assert "a * / b" in text
    assert r'X(READ, 4, "a \"b\"")' in text
