"""Children end with their parent, and take what they started along."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from brickwork.sim import processes

# Prints its process number, and that of a child of its own, which is a yosys-abc for a yosys.
FAMILY = "echo $$; sleep 100 & echo $!; wait"


def alive(pid):
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.joinpath("self").exists():
        with contextlib.suppress(OSError):
            return status.read_text().rpartition(")")[2].split()[0] != "Z"
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def ended(pids, seconds=1):
    """Whether processes end within some seconds."""
    end = time.monotonic() + seconds
    while any(map(alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def start(group, **options):
    """A child and its child."""
    child = group.start(["sh", "-c", FAMILY], stdout=subprocess.PIPE, text=True, **options)
    pids = [int(child.stdout.readline()) for _ in range(2)]
    assert all(map(alive, pids))
    return child, pids


class TestGroup:
    def test_status_and_output(self):
        command = ["sh", "-c", "cat; echo error >&2; echo $HOME; pwd; exit 3"]
        assert processes.run(command, stdin="text\n", cwd=Path("/"), env={"HOME": "h"}) == (
            3,
            "text\nerror\nh\n/\n",
        )

    def test_no_such_program(self):
        with pytest.raises(FileNotFoundError):
            processes.run(["no_such_program"])

    def test_timeout(self):
        begin = time.monotonic()
        with pytest.raises(subprocess.TimeoutExpired):
            processes.run(["sleep", "100"], timeout=0.1)
        assert time.monotonic() - begin < 10

    def test_all_end_with_the_block(self):
        with processes.ProcessGroup() as group:
            families = [start(group) for _ in range(2)]
        for child, pids in families:
            assert ended(pids)
            assert child.wait() == -signal.SIGKILL
            child.stdout.close()

    def test_ends_with_an_exception(self):
        with contextlib.suppress(KeyboardInterrupt), processes.ProcessGroup() as group:
            child, pids = start(group)
            raise KeyboardInterrupt
        assert ended(pids)
        child.communicate()

    def test_kill_from_another_thread(self):
        with processes.ProcessGroup() as group:
            timer = threading.Timer(0.2, group.kill)
            timer.start()
            assert group.run(["sleep", "100"]) == (-signal.SIGKILL, "")


PARENT = """
import sys, threading, time
from brickwork.sim import processes
command = ["sh", "-c", "exec >&2;" + {family!r}]
def work():
    with processes.ProcessGroup() as group:
        group.start(command).wait()
threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
for thread in threads: thread.start()
# A signal just before a sleep begins does not end it.
while True: time.sleep(0.05)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("whole_group", [False, True])
def test_parent_is_killed(number, whole_group):
    """Also where a shell kills the parent's process group, the guard's is another."""
    code = textwrap.dedent(PARENT).format(family=FAMILY)
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, process_group=0
    )
    pids = [int(parent.stderr.readline()) for _ in range(4)]
    assert all(map(alive, pids))
    if whole_group:
        os.killpg(parent.pid, number)
    else:
        parent.send_signal(number)
    assert ended(pids, 5 if number == signal.SIGINT else 1)
    parent.communicate()
