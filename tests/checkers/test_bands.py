"""What lies behind the plots: faults and fencing epochs."""

from __future__ import annotations

from fencepost.checkers.plots import bands
from fencepost.checkers.plots.operations import Operations
from fencepost.harness.history import events
from tests.checkers.drawn import named

from .pictured import Simulated, built, header


def test_fault_bands() -> None:
    history = built(
        header("s"),
        events.Fault(10, "kill", "start"),
        events.Fault(20, "kill", "heal"),
        events.Fault(30, "pause", "start"),
        events.Fault(40, "kill", "failure"),
        events.Remark(90, "phase", "closing"),
    )
    assert bands.fault_bands(history) == [
        bands.FaultBand("kill", 10, 20),
        bands.FaultBand("pause", 30, 90),
        bands.FaultBand("kill", 40, 40, failed=True),
    ]


def test_fence_epochs_follow_the_stream_not_the_answers() -> None:
    def fence(op: int, token: str, start: int, answered: int) -> list[events.Event]:
        return [
            events.AppendInvoked(op=op, time=op, process=op, stream="s", digests=[op], sizes=[1], fences={0: token}),
            events.Acked(op, answered, (start, 0), (start + 1, 0), (start + 1, 0)),
        ]

    history = built(header("s"), *fence(0, "a", 0, 10), *fence(1, "b", 1, 40), *fence(2, "c", 2, 30))
    assert bands.fence_epochs(history, 0) == [
        bands.Epoch("", 0, 10),
        bands.Epoch("a", 10, 30),
        bands.Epoch("c", 30, 40),
    ]


def test_many_epochs_become_a_density(large: Simulated) -> None:
    assert len(bands.fence_epochs(large.history, 0)) > bands.MOST_EPOCHS
    figure = Operations().figure(large.history, large.verdict)
    assert len(named(figure, "epoch density")) == 1
    assert not [artist for artist in named(figure, "epochs") if artist.get_gid() == "epochs"]
