"""Mutation of netlists: mutants that are faults, mutants that are none, and the command."""

import dataclasses
import json
from pathlib import Path

import pytest
from brickwork.gen.cli import main
from brickwork.gen.emission.emit import emit_unit
from brickwork.gen.lib.errors import UsageError
from brickwork.gen.mutation import accepted, cases, equivalence, netlist, score
from brickwork.hdl.stream.fifo import Fifo
from brickwork.hdl.stream.register_slice import RegisterSlice
from brickwork.sim.manifest import Manifest

TESTS = Path(__file__).parents[1]


@pytest.fixture
def fifo(tmp_path):
    return Manifest.read(emit_unit(Fifo(width=3, depth=3), tmp_path / "unit").manifest)


def drawn(manifest, folder, count=400):
    modules = netlist.own_modules(manifest, ["fifo"])
    return netlist.draw(manifest, modules, count, 10, 1, folder)


class TestNetlist:
    def test_mutants(self, fifo, tmp_path):
        mutants, signals = drawn(fifo, tmp_path)
        assert len(mutants) > 200
        assert {mutant.mode for mutant in mutants} == {"inv", "const0", "const1", "cnot0", "cnot1"}
        assert {mutant.signal for mutant in mutants} <= set(signals)
        assert {"queue.level", "queue.produce", "queue.consume", "queue.storage"} <= set(signals)
        # Three registers, and the instance of the queue.
        assert [mutant.port for mutant in mutants if mutant.reset].count("SRST") == 3
        assert sum(mutant.reset for mutant in mutants) == 4
        assert not any(mutant.port == "clk" for mutant in mutants)

    def test_seed_decides(self, fifo, tmp_path):
        assert drawn(fifo, tmp_path, 20) == drawn(fifo, tmp_path, 20)

    def test_modules_of_other_benches_are_left_alone(self, tmp_path):
        unit = RegisterSlice(width=4)
        manifest = Manifest.read(emit_unit(unit, tmp_path).manifest)
        assert netlist.own_modules(manifest, ["register_slice"]) == ["register_slice"]
        manifest = Manifest.read(emit_unit(Fifo(width=3, depth=9), tmp_path).manifest)
        assert len(netlist.own_modules(manifest, ["fifo"])) > 1

    def test_what_changes_nothing_is_not_drawn(self, tmp_path):
        """Bits that are constant, in the netlist and in a module below, are not stuck at them."""
        unit = cases.read_case(cases.select(["axi_top"], TESTS)[0])
        manifest = Manifest.read(emit_unit(unit, tmp_path / "unit").manifest)
        mutants, _ = netlist.draw(manifest, [manifest.top], 6000, 0, 1, tmp_path)
        ready = [mutant for mutant in mutants if mutant.port == "memory_bready"]
        assert {mutant.mode for mutant in ready} == {"inv", "const0"}
        low = [m for m in mutants if (m.port, m.port_bit) == ("memory_awaddr", 0)]
        assert "const1" in {mutant.mode for mutant in low}
        assert "const0" not in {mutant.mode for mutant in low}


class TestEquivalence:
    @pytest.fixture
    def judged(self, fifo, tmp_path):
        mutants = drawn(fifo, tmp_path)[0]

        def judge(**fields):
            matching = [
                mutant
                for mutant in mutants
                if all(getattr(mutant, name) == value for name, value in fields.items())
            ]
            return equivalence.judge(fifo, matching[:1], tmp_path)[0]

        return judge

    def test_a_fault(self, judged):
        verdict = judged(signal="queue.level", type="$add", port="Y", mode="inv")
        assert verdict["state"] == "survived"
        assert verdict["reason"].startswith("outputs differ in cycle ")

    def test_a_lost_reset(self, judged):
        verdict = judged(signal="queue.level", reset=True)
        assert verdict["reason"].startswith("outputs differ in cycle ")

    def test_no_fault_under_the_rules(self, judged):
        """What is written behind the last item is overwritten before anybody looks at it."""
        verdict = judged(signal="queue.w_port__en", port="A", mode="const1")
        assert verdict == {"state": "unreachable", "reason": "proved"}

    def test_mutants_of_a_unit_at_once(self, fifo, tmp_path):
        """Each verdict is that of the mutant alone."""
        mutants = drawn(fifo, tmp_path)[0]
        mutants = mutants[:3] + [m for m in mutants if m.signal == "queue.w_port__en"][:3]
        alone = [equivalence.judge(fifo, [mutant], tmp_path)[0] for mutant in mutants]
        assert equivalence.judge(fifo, mutants, tmp_path) == alone
        assert {verdict["state"] for verdict in alone} > {"survived"}

    def test_a_failure_of_yosys_is_told(self, fifo, tmp_path):
        mutant = dataclasses.replace(drawn(fifo, tmp_path)[0][0], cell="none")
        (verdict,) = equivalence.judge(fifo, [mutant], tmp_path)
        assert verdict["state"] == "survived"
        assert verdict["reason"].startswith("Yosys failed: ")

    def test_no_mutants(self, fifo, tmp_path):
        assert equivalence.judge(fifo, [], tmp_path) == []


class TestAccepted:
    def record(self):
        mutant = {"signal": "level", "type": "$add", "port_bit": 1, "control_bit": -1}
        mutant |= {"mode": "inv", "reset": False}
        mutant |= {"location": "", "reason": "", "line": ""}
        states = ("survived", "A"), ("survived", "B"), ("killed", "A")
        mutants = [mutant | {"state": state, "port": port} for state, port in states]
        return {"unit": "fifo", "case": "5x3", "signals": ["level"], "mutants": mutants}

    def test_scores(self, tmp_path):
        (tmp_path / "mutants.toml").write_text(
            '[[accepted]]\nunit = "fifo"\nsignals = ["lev*"]\nport = "A"\nfrom_bit = 1\n'
            'reason = "ok"\n'
        )
        records = [self.record()]
        entries = accepted.read(tmp_path / "mutants.toml")
        assert score.scores(records)[0]["score"] == 33.3
        accepted.accept(records, entries)
        row = score.scores(records)[0]
        assert (row["accepted"], row["survived"], row["score"]) == (1, 1, 50.0)
        assert [each["case"] for each in score.survivors(records)] == ["5x3"]
        assert accepted.stale(records, entries, {"fifo": 1}) == []

    def test_stale(self):
        entry = accepted.Accepted(unit="fifo", signals=("level", "gone"), reason="was there")
        assert accepted.stale([self.record()], [entry], {"fifo": 1}) == ["fifo: gone"]
        # Another case may have the signal.
        assert accepted.stale([self.record()], [entry], {"fifo": 2}) == []
        other = accepted.Accepted(unit="tag", signals=("gone",), reason="not looked at")
        assert accepted.stale([self.record()], [other], {"fifo": 1, "tag": 1}) == []
        assert accepted.stale([self.record()], [other], {"fifo": 1}) == ["tag: gone"]

    def test_own_file(self):
        accepted.read(TESTS / "mutants.toml")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[[accepted", "is not TOML"),
            ('[[accepted]]\nunit = "fifo"\nreason = "r"', "must have reason, signals, unit"),
            (
                '[[accepted]]\nunit = "fifo"\nsignals = ["s"]\nreason = "r"\nplace = 1',
                "may have from_bit, mode, port, resets, type",
            ),
            (
                '[[accepted]]\nunit = "fifo"\nsignals = "s"\nreason = "r"',
                "must be a list of patterns, not 's'",
            ),
        ],
    )
    def test_wrong(self, text, message, tmp_path):
        (tmp_path / "mutants.toml").write_text(text)
        with pytest.raises(UsageError, match=message):
            accepted.read(tmp_path / "mutants.toml")


class TestCommand:
    def test_every_bench_has_cases(self):
        benches = (TESTS.parent / "sim" / "tb").glob("*/[a-z]*.py")
        assert set(cases.units(TESTS)) == {path.stem for path in benches}

    def test_fifo(self, tmp_path, capsys):
        arguments = ["mutate", "fifo", "--mutants", "20", "--cases", "1", "--workers", "1"]
        arguments += ["--tests", str(TESTS), "--out", str(tmp_path), "--json"]
        assert main(arguments) == 0
        report = json.loads(capsys.readouterr().out)
        (row,) = report["units"]
        assert (row["unit"], row["cases"]) == ("fifo", 1)
        assert row["mutants"] == 24
        assert row["killed"] >= 20
        assert (row["score"], row["resets"], row["resets_score"]) == (100.0, 4, 100.0)
        assert json.loads((tmp_path / "mutation.json").read_text())["cases"][0]["case"] == "5x3"
        # What the bench notices is noticed by one of its tests.
        mutants = json.loads((tmp_path / "mutation.json").read_text())["cases"][0]["mutants"]
        assert all("tests failed" in m["reason"] for m in mutants if m["state"] == "killed")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["mutate", "fifi", "--tests", str(TESTS)], "not 'fifi'; did you mean 'fifo'?"),
            (["mutate", "--tests", "nowhere"], "nowhere must hold tests of units"),
            (["mutate", "--mutants", "0"], "Number of mutants must be an integer from 1"),
        ],
    )
    def test_wrong_arguments(self, arguments, message, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not list(tmp_path.iterdir())
