"""The sections that the C driver is composed of: a design brings its own, or shares another's."""

import re
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from brickwork import GemmWs
from brickwork.gen import cli
from brickwork.gen.collateral import driver as driver_module
from brickwork.gen.collateral import write
from brickwork.gen.collateral.driver import driver, find_section
from brickwork.gen.collateral.header import header
from brickwork.gen.designs import registry
from brickwork.gen.designs.wrappers import Axi, Axis, Uart
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest
from integration import ARRAY, CORES, FLOATS, LINE

COLLATERAL = Path(driver_module.__file__).parent


class Clone(GemmWs):
    """A copy of gemm_ws under another name, as a new design starts."""

    @classmethod
    def design(cls):
        return "clone"


class Driverless(Clone):
    driver: ClassVar[str | None] = None

    @classmethod
    def design(cls):
        return "driverless"


class Unwritten(Clone):
    driver: ClassVar[str | None] = "unwritten"

    @classmethod
    def design(cls):
        return "unwritten_design"


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for cls in (Clone, Driverless, Unwritten):
        monkeypatch.setitem(registry._MODULES, cls.design(), (__name__, cls.__name__))


def emitted(parameters, folder, name=None):
    return Manifest.read(emit(parameters, folder, name).manifest)


def texts(manifest):
    """Header and driver without the design's name and digest."""
    digest = manifest.digest
    names = re.compile(f"{digest}|{digest[:8].upper()}|{manifest.design} behind")
    return [names.sub("", text) for text in [header(manifest), *driver(manifest).values()]]


@pytest.mark.parametrize("wrapper", [Axis, Axi])
def test_copy_of_a_design_shares_its_driver(wrapper, tmp_path):
    clone, original = (
        emitted(wrapper(core=cls(**ARRAY)), tmp_path, "core") for cls in (Clone, GemmWs)
    )
    assert (clone.design, original.design) == ("clone", "gemm_ws")
    assert "\n#define CORE_IS_GEMM_WS 1\n" in header(clone)
    assert texts(clone) == texts(original)
    assert set(driver(clone)) == {"core_driver.h", "core_driver.c"}


@pytest.mark.parametrize(("cls", "section"), [(Driverless, "driverless"), (Unwritten, "unwritten")])
@pytest.mark.parametrize("wrapper", [Axis, Axi])
def test_design_without_a_driver(cls, section, wrapper, tmp_path, capsys):
    """It is refused before anything is written; where no driver is called for, it is emitted."""
    design, out = cls.design(), tmp_path / "out"
    message = (
        f"Design {design} has no C driver yet; emit it with --top stream or uart, or add "
        f"gen/collateral/drivers/{section}.c"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        write.check(wrapper(core=cls(**ARRAY)))
    top = wrapper.NAME
    assert cli.main(["emit", design, "--top", top, "--out", str(out)]) == 2
    assert capsys.readouterr().err.strip().endswith(message)
    assert not out.exists()
    write.check(cls(**ARRAY))
    write.check(Uart(core=cls(**ARRAY), **LINE))
    manifest = emitted(Uart(core=cls(**ARRAY), **LINE), tmp_path)
    assert re.findall(r"_IS_(\w+) 1$", header(manifest), re.M) == [section.upper()]


@pytest.mark.parametrize("design", CORES)
@pytest.mark.parametrize("wrapper", [Axis, Axi])
def test_nothing_of_the_composition_is_left(design, wrapper, tmp_path):
    manifest = emitted(wrapper(core=CORES[design]), tmp_path)
    for text in driver(manifest).values():
        assert not re.search(r"HAS_\w+|uses:|DESIGN|\bTOP_|\btop_", text.replace("HAS_DMA", ""))


@pytest.mark.slow
def test_every_feature_is_some_cores(tmp_path):
    """A name that is written wrong would never hold."""
    sources = [*COLLATERAL.glob("driver.[ch]"), *COLLATERAL.glob("drivers/*.[ch]")]
    asked = set(re.findall(r"#if !?HAS_(\w+)", "".join(path.read_text() for path in sources)))
    cores = [*CORES.values(), *FLOATS.values()]
    cores += [GemmWs(**ARRAY, w_format="int4+int8", output="bias")]
    cores += [replace(FLOATS["fp32"], output="bf16")]
    cores += [GemmWs(**ARRAY, output="threshold"), replace(CORES["gemm_binary"], code="bit")]
    features = set()
    for core in cores:
        for wrapper in (Axis(core=core), Axi(core=core, address_width=40)):
            features |= driver_module._features(emitted(wrapper, tmp_path))
    assert asked - features == set()


def test_names_of_sections():
    assert {name: find_section(name) for name in CORES} == {name: name for name in CORES}
    assert find_section("clone") == "gemm_ws"
