"""The cache folder: races, kills, and folders that cannot be used."""

import errno
import multiprocessing
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from brickwork.sim import cache, scratch


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BRICKWORK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_spare", None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "cache"


def write(text):
    def make(place):
        (place / "content").write_text(text)

    return make


def leave(place, days):
    """Makes a folder that was last written to some days ago."""
    place.mkdir(parents=True)
    (place / "content").write_text("half")
    then = time.time() - days * 24 * 3600
    os.utime(place, (then, then))


def never(place):
    pytest.fail("made although it was there")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class TestFolder:
    def test_variable(self, monkeypatch):
        monkeypatch.setenv("BRICKWORK_CACHE", "relative")
        assert cache.folder() == Path.cwd() / "relative"

    def test_xdg(self, monkeypatch, tmp_path):
        monkeypatch.delenv("BRICKWORK_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache.folder() == tmp_path / "brickwork"

    @pytest.mark.parametrize("xdg", [None, "", "relative"])
    def test_home(self, monkeypatch, tmp_path, xdg):
        monkeypatch.delenv("BRICKWORK_CACHE")
        monkeypatch.setenv("HOME", str(tmp_path))
        if xdg is None:
            monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        else:
            monkeypatch.setenv("XDG_CACHE_HOME", xdg)
        assert cache.folder() == tmp_path / ".cache" / "brickwork"


class TestEntry:
    def test_made_once(self, folder):
        place, cached = cache.entry("things", "a", b"b", make=write("1"))
        assert not cached
        assert place.parent == folder / "things"
        assert cache.entry("things", "a", b"b", make=never) == (place, True)
        assert (place / "content").read_text() == "1"
        assert names(folder / "things") == [place.name]

    def test_parts_do_not_run_together(self):
        keys = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("ab", "c", "")]
        assert len({cache.digest(*parts) for parts in keys}) == len(keys)
        assert cache.digest("a") == cache.digest(b"a")

    def test_failure_leaves_nothing(self, folder):
        def make(place):
            write("half")(place)
            raise ValueError("no")

        with pytest.raises(ValueError, match=r"^no$"):
            cache.entry("things", "a", make=make)
        assert names(folder / "things") == []
        assert cache.entry("things", "a", make=write("1"))[1] is False

    def test_abandoned_entries_are_removed(self, folder):
        """Also of another section, and for an entry that is there."""
        cache.entry("things", "a", make=write("1"))
        cache._remove_abandoned.cache_clear()
        left = [".old.1.01234567", ".young.1.01234567", ".locked.1.01234567", ".strange"]
        for name in left:
            leave(folder / "others" / name, days=0 if "young" in name else 0.01)
        with scratch.locked(folder / "others" / left[2]):
            assert cache.entry("things", "a", make=never)[1]
            assert names(folder / "others") == sorted(left[1:])

    def test_no_locks(self, folder, monkeypatch):
        """On a file system without locks what is older than a day is removed."""

        def flock(*_):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

        monkeypatch.setattr(scratch.fcntl, "flock", flock)
        for name, days in ((".old.1.01234567", 1.1), (".young.1.01234567", 0.9)):
            leave(folder / "things" / name, days)
        place, _ = cache.entry("things", "a", make=write("1"))
        assert names(folder / "things") == [".young.1.01234567", place.name]


def _race(barrier, results, text):
    def make(place):
        barrier.wait(20)  # both are making it now
        write(text)(place)
        barrier.wait(20)  # and both are about to publish

    place, cached = cache.entry("things", "a", make=make)
    results.put((cached, (place / "content").read_text()))


def _hang(ready):
    def make(place):
        write("half")(place)
        ready.set()
        time.sleep(60)

    cache.entry("things", "a", make=make)


def _make(ready, go):
    def make(place):
        ready.set()
        assert go.wait(30)
        write("whole")(place)

    cache.entry("things", "a", make=make)


def _find(results):
    place, cached = cache.entry("things", "a", make=never)
    results.put((cached, (place / "content").read_text()))


class TestProcesses:
    def test_race(self, folder, monkeypatch):
        """Both look for the other before it makes anything."""
        monkeypatch.setattr(scratch, "wait", lambda path: None)
        context = multiprocessing.get_context("fork")
        barrier, results = context.Barrier(2), context.Queue()
        both = [context.Process(target=_race, args=(barrier, results, text)) for text in "12"]
        for process in both:
            process.start()
        found = [results.get(timeout=30) for _ in both]
        for process in both:
            process.join(30)
            assert process.exitcode == 0
        # The same content for both, and nothing left of the loser's.
        assert len({text for _, text in found}) == 1
        assert len(names(folder / "things")) == 1
        assert not names(folder / "things")[0].startswith(".")

    def test_second_process_waits(self, folder):
        context = multiprocessing.get_context("fork")
        ready, go, results = context.Event(), context.Event(), context.Queue()
        first = context.Process(target=_make, args=(ready, go))
        first.start()
        assert ready.wait(30)
        second = context.Process(target=_find, args=(results,))
        second.start()
        with pytest.raises(queue.Empty):
            results.get(timeout=0.3)
        go.set()
        assert results.get(timeout=30) == (True, "whole")
        for process in (first, second):
            process.join(30)
            assert process.exitcode == 0

    def test_kill_while_making(self, folder):
        context = multiprocessing.get_context("fork")
        ready = context.Event()
        process = context.Process(target=_hang, args=(ready,))
        process.start()
        assert ready.wait(30)
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
        assert [name[0] for name in names(folder / "things")] == ["."]
        place, cached = cache.entry("things", "a", make=write("whole"))
        assert not cached
        assert (place / "content").read_text() == "whole"


class TestUnusable:
    def check(self, capsys, folder, reason):
        place, cached = cache.entry("things", "a", make=write("1"))
        assert not cached
        spare = place.parent.parent
        assert folder not in place.parents
        assert (place / "content").read_text() == "1"
        assert capsys.readouterr().err == (
            f"warning: cache folder {folder} cannot be used ({reason}); using {spare}; "
            "set BRICKWORK_CACHE to a folder that can be written\n"
        )
        assert spare == Path(tempfile.gettempdir(), f"brickwork-{os.getuid()}")
        assert spare.stat().st_mode & 0o777 == 0o700
        # Said once; and what was made is found again.
        assert cache.entry("things", "a", make=never) == (place, True)
        assert cache.entry("things", "b", make=write("2"))[0].parent.parent == spare
        assert cache.keep("failed", "x.log", "text").read_text() == "text"
        assert capsys.readouterr().err == ""

    def test_file_in_the_way(self, capsys, folder):
        folder.write_text("")
        self.check(capsys, folder, "not a directory")

    def test_next_process_uses_the_entry(self, folder, monkeypatch):
        folder.write_text("")
        place, _ = cache.entry("things", "a", make=write("1"))
        monkeypatch.setattr(cache, "_spare", None)
        assert cache.entry("things", "a", make=never) == (place, True)

    @pytest.mark.parametrize("obstacle", ["link", "file", "writable"])
    def test_folder_of_somebody_else(self, folder, tmp_path, obstacle):
        """Another user may have made it, to have this one run other programs."""
        path = Path(tempfile.gettempdir(), f"brickwork-{os.getuid()}")
        if obstacle == "link":
            path.symlink_to(tmp_path)
        elif obstacle == "file":
            path.touch()
        else:
            path.mkdir()
            path.chmod(0o777)
        folder.write_text("")
        place, _ = cache.entry("things", "a", make=write("1"))
        assert re.fullmatch(rf"brickwork-{os.getpid()}-[0-9a-f]{{8}}", place.parents[1].name)
        assert place.parents[1].stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("home", ["~/.cache/brickwork", "~nobody_of_that_name/x"])
    def test_no_home(self, capsys, monkeypatch, home):
        """A user without an entry in /etc/passwd, as in many containers."""
        monkeypatch.delenv("BRICKWORK_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        if home.startswith("~nobody"):
            monkeypatch.setenv("BRICKWORK_CACHE", home)
        else:
            monkeypatch.delenv("HOME")

            def unknown(uid):
                raise KeyError(uid)

            monkeypatch.setattr("pwd.getpwuid", unknown)
        place, _ = cache.entry("things", "a", make=write("1"))
        spare = Path(tempfile.gettempdir(), f"brickwork-{os.getuid()}")
        assert place.parents[1] == cache.folder() == spare
        assert capsys.readouterr().err == (
            f"warning: cache folder {home} cannot be used (no home folder); using {spare}; "
            "set BRICKWORK_CACHE to a folder that can be written\n"
        )

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_read_only(self, capsys, folder):
        folder.mkdir()
        folder.chmod(0o500)
        self.check(capsys, folder, "permission denied")

    def test_disk_full_at_once(self, capsys, folder, monkeypatch):
        mkdir = Path.mkdir

        def full(self, *args, **kwargs):
            if folder in self.parents:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            mkdir(self, *args, **kwargs)

        monkeypatch.setattr(Path, "mkdir", full)
        self.check(capsys, folder, "disk full")

    def test_disk_full_while_making(self, capsys, folder):
        def make(place):
            if folder in place.parents:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write("1")(place)

        place, _ = cache.entry("things", "a", make=make)
        assert folder not in place.parents
        assert (place / "content").read_text() == "1"
        assert "(disk full)" in capsys.readouterr().err
        assert names(folder / "things") == []


def test_keep_replaces(folder):
    assert cache.keep("failed", "x.log", "1") == folder / "failed" / "x.log"
    assert cache.keep("failed", "x.log", "2").read_text() == "2"
    assert names(folder / "failed") == ["x.log"]


@pytest.fixture
def filled(folder):
    """A cache folder with something of each kind, and with what is not of the cache."""
    cache.entry("builds", "a", make=write("12"))
    cache.entry("builds", "b", make=write("345"))
    cache.entry("runtime", "a", make=write("6"))
    cache.keep("failed", "x.log", "text")
    leave(folder / "builds" / ".dead.1.01234567", days=0.01)
    leave(folder / "runtime" / ".old.1.01234567", days=2)
    leave(folder / "builds" / ".young.1.01234567", days=0)
    leave(folder / "builds" / ".running.1.01234567", days=2)
    for path in (folder / "builds" / "mine", folder / "builds" / ".mine", folder / "mine"):
        leave(path, days=2)
    with scratch.locked(folder / "builds" / ".running.1.01234567"):
        yield folder


SOME = {"builds": (2, 5), "runtime": (1, 1), "failed": (1, 4), "stale": (2, 8)}
WHOLE = {kind: SOME.get(kind, (0, 0)) for kind in cache.SECTIONS}
STAYS = [".mine", ".running.1.01234567", ".young.1.01234567", "mine"]


class TestUsage:
    def test_missing(self, folder):
        assert cache.usage() == dict.fromkeys(WHOLE, (0, 0))
        assert not folder.exists()

    def test_kinds(self, filled):
        assert cache.usage() == WHOLE

    def test_links_are_not_followed(self, folder, tmp_path):
        (tmp_path / "large").write_text("x" * 10_000)
        cache.entry("builds", "a", make=lambda place: (place / "x").symlink_to(tmp_path / "large"))
        assert cache.usage()["builds"].bytes < 1000

    def test_unreadable(self, folder):
        folder.write_text("")
        with pytest.raises(
            OSError, match=f"^Cache folder {folder} cannot be read: Not a directory$"
        ):
            cache.usage()


class TestClear:
    def test_missing(self, folder):
        assert cache.clear() == dict.fromkeys(WHOLE, (0, 0))
        assert not folder.exists()

    def test_all(self, filled):
        assert cache.clear() == WHOLE
        assert cache.usage() == dict.fromkeys(WHOLE, (0, 0))
        assert names(filled) == ["builds", "failed", "mine", "runtime"]
        assert names(filled / "builds") == sorted(STAYS)
        assert names(filled / "runtime") == names(filled / "failed") == []
        assert cache.entry("builds", "a", make=write("again"))[1] is False

    @pytest.mark.parametrize("kind", cache.SECTIONS)
    def test_kind(self, filled, kind):
        assert cache.clear(kind) == {kind: WHOLE[kind]}
        assert cache.usage() == WHOLE | {kind: (0, 0)}

    def test_wrong_kind(self, filled):
        with pytest.raises(
            ValueError,
            match=r"^Cache section must be one of builds, runtime, verilog, synthesis, "
            r"cycles, mutants, failed, stale, not 'build'$",
        ):
            cache.clear("build")
        assert cache.usage() == WHOLE

    def test_link_to_an_entry(self, folder, tmp_path):
        leave(tmp_path / "elsewhere", days=0)
        (folder / "runtime").mkdir(parents=True)
        (folder / "runtime" / ("0" * 32)).symlink_to(tmp_path / "elsewhere")
        assert cache.clear("runtime")["runtime"].entries == 1
        assert names(folder / "runtime") == []
        assert names(tmp_path / "elsewhere") == ["content"]

    def test_while_an_entry_is_made(self, folder):
        def make(place):
            write("1")(place)
            assert cache.clear() == dict.fromkeys(WHOLE, (0, 0))

        place, cached = cache.entry("builds", "a", make=make)
        assert not cached
        assert (place / "content").read_text() == "1"

    def test_entry_disappears_before_it_is_deleted(self, folder, monkeypatch):
        place, _ = cache.entry("builds", "a", make=write("1"))
        rmtree = cache.shutil.rmtree

        def check(path, **options):
            assert not place.exists()
            assert path.name.startswith(".gone.")
            assert cache.usage()["builds"] == (0, 0)
            rmtree(path, **options)

        monkeypatch.setattr(cache.shutil, "rmtree", check)
        assert cache.clear()["builds"] == (1, 1)
        assert names(folder / "builds") == []

    def test_two_at_once(self, filled, monkeypatch):
        bytes_, first = cache._bytes, []

        def other(path):
            # Between the first's renaming and its deletion another process clears everything.
            if not first:
                first.append(path)
                assert cache.clear()["builds"].entries == 1
            return bytes_(path)

        monkeypatch.setattr(cache, "_bytes", other)
        assert cache.clear()["builds"].entries == 1
        assert cache.usage() == dict.fromkeys(WHOLE, (0, 0))

    def test_unwritable(self, filled, monkeypatch):
        def rename(self, target):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

        monkeypatch.setattr(Path, "rename", rename)
        with pytest.raises(
            OSError, match=f"^Cache folder {filled} cannot be cleared: Permission denied$"
        ):
            cache.clear()
        assert cache.usage() == WHOLE


class TestScratch:
    def test_removed_at_the_end(self):
        with scratch.folder() as path:
            assert path.parent == Path(tempfile.gettempdir())
            assert path.stat().st_mode & 0o777 == 0o700
            (path / "file").touch()
        assert names(path.parent) == []

    def test_removed_after_a_kill(self):
        """By the next process; what others work in, and what has another name, stays."""
        code = (
            "import pathlib, time\n"
            "from brickwork.sim import scratch\n"
            "with scratch.folder() as path:\n"
            "    (path / 'file').touch()\n"
            "    print(path, flush=True)\n"
            "    time.sleep(60)\n"
        )
        parent = Path(tempfile.gettempdir())
        env = {**os.environ, "TMPDIR": str(parent)}
        children = [
            subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        killed, living = [Path(child.stdout.readline().decode().strip()) for child in children]
        children[0].kill()
        children[0].wait()
        for name in ("brickwork-projects", "brickwork-1-2", "brickwork-0"):
            leave(parent / name, days=2)
        for path in (killed, living):
            os.utime(path, (time.time() - 10,) * 2)
        scratch._remove_abandoned.cache_clear()
        with scratch.folder() as path:
            there = names(parent)
        children[1].kill()
        for child in children:
            child.communicate()
        others = ["brickwork-0", "brickwork-1-2", "brickwork-projects"]
        assert there == sorted([*others, living.name, path.name])
