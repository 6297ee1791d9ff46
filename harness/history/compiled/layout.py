"""What the rows hold that lines are scanned into."""

from __future__ import annotations

from typing import Final

from ..evidence import MISMATCHES
from ..kinds import Kind
from ..tables import Ending

# Columns of both tables: where the line begins, and what every event of an operation has.
AT, OP, TIME, KIND, DEFERRED, NUMBER = range(6)

# Of an invocation. Texts are numbers of :func:`..bytescan.intern`.
PROCESS, STREAM, THREAD, PURPOSE, INTENDED, SESSION, MATCH, TOKEN = range(6, 14)
FROM_SEQ_NUM, FROM_TIMESTAMP, TAIL_OFFSET, CLAMP, COUNT, BYTES, UNTIL, WAIT, GIVEN = range(14, 23)
ASKED: Final = 23

# Of an answer. What it says of the stream begins at FIRST; the hash of a whole stream stands after its tail.
STATUS, CODE, OF, FIRST = range(6, 10)
HASH: Final = FIRST + 2
# What refusals say of it begins at SAID, in the order of :data:`..evidence.MISMATCHES`.
SAID: Final = FIRST + 6
ANSWERED: Final = SAID + len(MISMATCHES)

# What a line is: those below ACK are invocations (:class:`..kinds.Kind`), those below OTHER answers (of this ending).
APPEND, READ = int(Kind.APPEND), int(Kind.READ)
ACK, BATCH, WHOLE, TAIL, FAILURE, INDEFINITE, FRAME = (len(Kind) + int(ending) for ending in Ending)
OTHER, END, UNKNOWN = range(FRAME + 1, FRAME + 4)

# What is counted.
N_ASKED, N_ANSWERED, N_OTHERS, N_TEXTS, N_SENT, N_SEEN, N_COMMANDS, N_GIVEN, N_ENDED = range(9)
COUNTS: Final = 9

# Of a command: is it in an answer, the place of its invocation or answer in their table, its index; is it a trim
# command; its token or position.
ANSWER, PLACE, INDEX, TRIM, VALUE = range(5)
COMMAND: Final = 5
