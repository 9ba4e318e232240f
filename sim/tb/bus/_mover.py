"""What the benches of the reader and of the writer of memory have in common."""

from collections.abc import Awaitable, Callable, Mapping

from ...lib.streams import stalls
from ._beats import beat_count

__all__ = ["check_extents", "check_resets"]


async def check_extents(mover) -> None:
    """Fail unless a reader or writer says of addresses and counts what it should.

    It is what :class:`TransferChecker` says, so that not all of its corners come again.
    """
    dut, rng = mover.dut, mover.bench.rng
    most = (1 << 32) - 1
    all_words = min(mover.words(mover.all), most)
    counts = [0, 1, all_words - 1, all_words, min(all_words + 1, most)]
    counts += [1 << bit for bit in range(32)] + [most ^ 1 << bit for bit in range(32)]
    counts += [rng.randint(0, all_words) for _ in range(60)]
    addresses = [1 << bit for bit in range((mover.all * mover.size).bit_length() - 1)]
    for count in (*counts, *[1] * len(addresses)):
        beats = beat_count(count, **mover.layout)
        index = rng.choice([0, 1, mover.all - 1, max(1, mover.all - beats), mover.all // 2])
        address = min(index, mover.all - 1) * mover.size
        address += rng.choice([0, 0, rng.randrange(mover.size)])
        if count == 1 and addresses:
            address = addresses.pop()
        dut.address.value, dut.count.value = address, count
        for _ in range(3):
            await mover.bench.tick()
        actual = [bool(getattr(dut, name).value) for name in ("none", "aligned", "fits")]
        index, off = divmod(address, mover.size)
        assert actual == [count == 0, off == 0, index + beats <= mover.all], (address, count)


async def check_resets(
    mover, begin: Callable[[int, int], Awaitable], early: int, quiet: Mapping[str, int]
) -> None:
    """Fail unless a reset ends a job at any moment, and the next job is right.

    Parameters
    ----------
    mover : Reader or Writer
    begin : coroutine function
        Begins a job at address 0, from its number and its count of words.
    early : int
        The reset comes in each of so many cycles from the begin on, and at as many later moments.
    quiet : dict
        Values of outputs after the reset.
    """
    dut, rng = mover.dut, mover.bench.rng
    for number in range(2 * early):
        mover.asks._stall = stalls(rng.choice([0, 60]), rng)
        mover.sink._stall = stalls(rng.choice([0, 60]), rng)
        await begin(number, mover.words(min(3 * mover.burst, mover.all)))
        for _ in range(number if number < early else rng.randrange(early, 40)):
            await mover.bench.tick()
        await mover.restart()
        for _ in range(rng.choice([1, 3, 5])):
            await mover.bench.tick()
            assert {name: int(getattr(dut, name).value) for name in quiet} == quiet
        if number % 4 == 3:
            index = rng.randrange(min(mover.all, 1 << 40) - 6)
            await mover.job(index * mover.size, rng.randint(1, mover.words(6)))
