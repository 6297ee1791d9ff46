"""The conformance suite: at least one case per clause of ``docs/semantics.md``, against any S2 endpoint.

``fencepost conform --target URL`` runs it. Each case is a pytest function that quotes the clause it is about::

    from fencepost import conformance

    @conformance.clause("A1", "An empty batch is refused with 422.", "negative")
    async def test_nothing(stream: conformance.Stream) -> None:
        \"\"\"An append of no records.\"\"\"
        conformance.refused(await stream.append(), 422, "invalid")

Cases of your own run beside these: ``fencepost conform --target URL my_cases/``. The fixtures that they may ask for are
in :mod:`.fixtures`.
"""

from .clause import Kind, clause
from .reply import NotOffered, Reply, refused
from .service import Service
from .sessions import Session
from .stream import Basin, Stream

__all__ = ["Basin", "Kind", "NotOffered", "Reply", "Service", "Session", "Stream", "clause", "refused"]
