"""The suite finds what it should: for every check, a channel with one mistake that fails it."""

import pytest

from reactor.channel.base import BytesLike
from reactor.errors import Address, ReactorError, StateClosed
from reactor.interest import WRITE
from reactor.testing import conformance
from reactor.testing.conformance import CHECKS
from reactor.testing.memory import MemoryChannel, memory_pair


class SaysTheEndForNotNow(MemoryChannel):
    __slots__ = ()

    def read(self, size: int) -> bytes | None:
        return super().read(size) or b""


class LosesTheLastByte(MemoryChannel):
    __slots__ = ()

    def write(self, view: BytesLike) -> int | None:
        count = super().write(memoryview(view)[:-1] if len(view) > 4000 else view)
        return None if count is None else count + (len(view) > 4000)


class MixesBytes(MemoryChannel):
    __slots__ = ()

    def read(self, size: int) -> bytes | None:
        data = super().read(size)
        return data and data[::-1]


class ReadsTooMuch(MemoryChannel):
    __slots__ = ()

    def read(self, size: int) -> bytes | None:
        return super().read(size + 2)


class FillsTheWholeBuffer(MemoryChannel):
    __slots__ = ()

    def readinto(self, view: memoryview) -> int | None:
        count = super().readinto(view)
        view[count or 0 :] = bytes(len(view) - (count or 0))
        return count


class RefusesNothing(MemoryChannel):
    __slots__ = ()

    def write(self, view: BytesLike) -> int | None:
        return super().write(view) or None


class SaysZeroForNotNow(MemoryChannel):
    __slots__ = ()

    def write(self, view: BytesLike) -> int | None:
        return super().write(view) or 0


class HoldsForEver(MemoryChannel):
    __slots__ = ()
    holds_input = holds_output = True


class WaitsForTheWrongThing(MemoryChannel):
    __slots__ = ()
    read_want = WRITE


class LooksAlwaysWritable(MemoryChannel):
    __slots__ = ()

    def _show(self) -> None:
        super()._show()
        self._beacon.show(readable=self._inward.readable, writable=True)


class LooksNeverReadable(MemoryChannel):
    __slots__ = ()

    def _show(self) -> None:
        super()._show()
        for end in (self, self.far):
            if not end.closed:
                end._beacon.show(readable=False, writable=end._outward.writable)


class ForgetsTheEnd(MemoryChannel):
    __slots__ = ()

    def read(self, size: int) -> bytes | None:
        data = super().read(size)
        if data == b"":
            self._inward.ended = False
        return data


class EndsBothWays(MemoryChannel):
    __slots__ = ()

    def write_eof(self) -> bool:
        self._inward.ended = True
        return super().write_eof()


class EndsAtOnce(MemoryChannel):
    __slots__ = ()

    def write_eof(self) -> bool:
        self._outward.data.clear()
        return super().write_eof()


class WritesAfterTheEnd(MemoryChannel):
    __slots__ = ()

    def write(self, view: BytesLike) -> int | None:
        return len(view)


class ResetsQuietly(MemoryChannel):
    __slots__ = ()

    def abort(self) -> None:
        self.close()


class DropsTheDescriptor(MemoryChannel):
    __slots__ = ()

    def shutdown(self, how: int) -> None:
        self.close()


class ClosesOnce(MemoryChannel):
    __slots__ = ()

    def close(self) -> None:
        if self.closed:
            raise StateClosed("once was enough")
        super().close()


class ClosesAtOnce(MemoryChannel):
    __slots__ = ()

    def close(self) -> None:
        self._outward.data.clear()
        super().close()


class ForgetsItsAddress(MemoryChannel):
    __slots__ = ()

    @property
    def address(self) -> Address:
        return (None, None) if self.closed else super().address


class ReadsOnWhenClosed(MemoryChannel):
    __slots__ = ()

    def read(self, size: int) -> bytes | None:
        return b"" if self.closed else super().read(size)


class KeepsItsDescriptors(MemoryChannel):
    __slots__ = ()

    def abort(self) -> None:
        self.reset()


FAULTS: dict[str, type[MemoryChannel]] = {
    "nothing_to_read_is_not_now": SaysTheEndForNotNow,
    "bytes_arrive_whole_and_in_order": LosesTheLastByte,
    "any_cut_gives_the_same_bytes": MixesBytes,
    "a_read_gives_no_more_than_was_asked_for": ReadsTooMuch,
    "readinto_fills_the_front": FillsTheWholeBuffer,
    "every_kind_of_bytes_can_be_written": MixesBytes,
    "nothing_at_all_moves_nothing": RefusesNothing,
    "a_full_channel_says_not_now_and_goes_on": SaysZeroForNotNow,
    "what_was_flushed_needs_us_no_more": HoldsForEver,
    "a_quiet_channel_does_not_look_readable": WaitsForTheWrongThing,
    "readiness_comes_and_goes_with_the_bytes": WaitsForTheWrongThing,
    "input_that_no_descriptor_shows_is_told": LooksNeverReadable,
    "a_full_channel_does_not_look_writable": LooksAlwaysWritable,
    "the_end_is_empty_and_stays": ForgetsTheEnd,
    "one_way_ends_and_the_other_goes_on": EndsBothWays,
    "both_may_end_at_once": EndsAtOnce,
    "nothing_can_be_written_after_the_end": WritesAfterTheEnd,
    "a_peer_that_closes_is_the_end": ClosesAtOnce,
    "a_reset_is_an_error_of_ours": ResetsQuietly,
    "shutting_down_keeps_the_descriptor": DropsTheDescriptor,
    "closing_again_is_harmless": ClosesOnce,
    "after_closing_every_verb_says_so": ReadsOnWhenClosed,
    "addresses_stay": ForgetsItsAddress,
    "no_descriptor_is_left": KeepsItsDescriptors,
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stuck here is stuck for good, and nothing here takes many steps."""
    monkeypatch.setattr(conformance, "WAIT_LIMIT", 0.001)
    monkeypatch.setattr(conformance, "STEP_LIMIT", 1000)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("check", "fault"), FAULTS.items())
def test_a_channel_with_a_mistake_is_found(check: str, fault: type[MemoryChannel]) -> None:
    made: list[MemoryChannel] = []

    def pair() -> tuple[MemoryChannel, MemoryChannel]:
        ends = memory_pair()
        made.extend(ends)
        for end in ends:
            end.__class__ = fault
        return ends

    with pytest.raises((AssertionError, ReactorError)):
        CHECKS[check](pair)
    for end in made:
        MemoryChannel.close(end)


def test_no_check_is_without_its_mistake() -> None:
    assert list(FAULTS) == list(CHECKS)
