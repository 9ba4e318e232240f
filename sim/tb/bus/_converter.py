"""What the converters between words and beats have in common."""

__all__ = ["Readiness"]


class Readiness:
    """``i`` is ready when nothing is held, and when the last of what is held leaves.

    It has to step before the recorders.

    Parameters
    ----------
    i, o : Recorder
    made : list of int
        What has been made, in all, of the first items that came, by their number.
    """

    def __init__(self, dut, i, o, made):
        self._dut, self._i, self._o, self._made = dut, i, o, made

    def step(self, cycle):
        held = self._made[self._i.count] - self._o.count
        ready = held == 0 or (held == 1 and bool(self._dut.o_ready.value))
        assert bool(self._dut.i_ready.value) == ready, f"cycle {cycle}: i is ready: {not ready}"
