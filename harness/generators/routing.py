"""Combinators that route operations: random mixtures, one generator per thread or process, and groups of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import is_
from typing import Final

from msgspec import Struct

from ..workload import NEMESIS, PENDING, Completion, Context, Generator, Invocation, Pending, Step


def mix(*weighted: tuple[float, Generator]) -> Generator:
    """Return a generator that takes each operation from a random part, with probability proportional to its weight.

    Weights are positive. If the chosen part has nothing for now, another one takes its turn. An exhausted part drops
    out. Every part sees every event.
    """
    if any(not weight > 0 for weight, _ in weighted):
        raise ValueError(f"the weights {[weight for weight, _ in weighted]}: each must be positive")
    return _Mix(tuple(weight for weight, _ in weighted), tuple(generator for _, generator in weighted))


def each_thread(make: Callable[[int], Generator]) -> Generator:
    """Return a generator that runs a separate part for each thread, made by ``make(thread)``.

    Each part sees only its own thread and that thread's events, so its state is the state of that thread. A thread
    that gets a new process keeps its part. Each part also draws from its thread's own random numbers: in every run
    with the same seed a thread asks for the same operations, as long as it gets the same answers.
    """
    return _Each(make, False)


def each_process(make: Callable[[int], Generator]) -> Generator:
    """Return a generator like :func:`each_thread`, but with a new part from ``make(process)`` for each new process.

    It is exhausted when the parts of all current processes are exhausted.
    """
    return _Each(make, True)


def on_threads(threads: Iterable[int], generator: Generator) -> Generator:
    """Return a generator that sees only ``threads``. It is exhausted if the context has none of them."""
    return _OnThreads(frozenset(threads), generator)


def clients(generator: Generator) -> Generator:
    """Return a generator that sees only the threads of clients."""
    return _Clients(generator)


def nemesis(generator: Generator) -> Generator:
    """Return a generator of strikes that sees only the nemesis's thread. It is exhausted in a run without a nemesis.

    It also sees the events of clients and may react to them (see ``when``).
    """
    return _Nemesis(generator)


def beside(generator: Generator, *others: Generator) -> Generator:
    """Return a generator that runs all parts side by side and gives each operation when it is due.

    It ends when the first part (``generator``) is exhausted: ``beside(clients(work), nemesis(faults))`` strikes for as
    long as the clients have work. Every part sees every event.
    """
    return _Beside((generator, *others))


def reserve(*shares: tuple[int, Generator], rest: Generator) -> Generator:
    """Return a generator that reserves a number of threads for each share and leaves the others to ``rest``.

    ``reserve((2, writes), (1, checks), rest=reads)`` gives ``writes`` the two lowest threads of the context,
    ``checks`` the third, and ``reads`` all others. A part that gets no thread is exhausted.
    """
    return _Reserve(tuple(count for count, _ in shares), (*(generator for _, generator in shares), rest))


_MOMENT: Final = 5_000_000
"""Nanoseconds after which a nemesis that had nothing to do is asked again."""

_Parts = tuple[Generator | None, ...]


def _ask(context: Context, order: Iterable[int], ask: Callable[[int], Step], parts: _Parts) -> tuple[Step, _Parts]:
    """Return the first operation, in the given order of parts, that can start now; else the one that starts soonest.

    The second result is the updated parts: the chosen part's successor, and None for each exhausted part. Discarding
    the other operations is safe, since generators are pure. The successor of a PENDING answer is kept, because it may
    hold new state.
    """
    changed = list(parts)
    best: tuple[int, int, Invocation, Generator] | None = None
    for index in order:
        step = ask(index)
        if step is None:
            changed[index] = None
            continue
        answer, successor = step
        if isinstance(answer, Pending):
            changed[index] = successor
        elif answer.time is None or answer.time <= context.time:
            best = context.time, index, answer, successor
            break
        elif best is None or answer.time < best[0]:
            best = answer.time, index, answer, successor
    if best is None:
        return None, tuple(changed)
    _, index, invocation, successor = best
    changed[index] = successor
    return (invocation, successor), tuple(changed)


def _next(part: Generator | None, context: Context) -> Step:
    return None if part is None else part.next(context)


def _assign(step: Step, context: Context) -> Step:
    """Return the step with its operation on a thread: a random free one, unless the operation names a thread."""
    if step is None or isinstance(step[0], Pending) or step[0].thread is not None:
        return step
    free = context.free
    thread = free[0] if len(free) == 1 else free[int(context.random.random() * len(free))]
    return step[0].on(thread), step[1]


class _Mix(Struct, frozen=True):
    weights: tuple[float, ...]
    parts: _Parts

    def next(self, context: Context) -> Step:
        alive = [index for index, part in enumerate(self.parts) if part is not None]
        step, parts = _ask(context, self._draw(alive, context), lambda i: _next(self.parts[i], context), self.parts)
        if step is None:
            return None if all(part is None for part in parts) else (PENDING, _Mix(self.weights, parts))
        return step[0], _Mix(self.weights, parts)

    def _draw(self, alive: list[int], context: Context) -> Iterable[int]:
        """Yield the indices of the parts in a random order by weight. Each is drawn only when the caller needs it."""
        while alive:
            index = context.random.choices(alive, [self.weights[i] for i in alive])[0]
            alive.remove(index)
            yield index

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        parts = tuple([part and part.update(context, event) for part in self.parts])
        return self if all(map(is_, parts, self.parts)) else _Mix(self.weights, parts)


class _Each(Struct, frozen=True):
    """One part per thread of ``threads``, made for the processes ``owners``. All three are empty before the start."""

    make: Callable[[int], Generator]
    by_process: bool
    threads: tuple[int, ...] = ()
    parts: _Parts = ()
    owners: tuple[int, ...] = ()

    def next(self, context: Context) -> Step:
        now, ready = self._current(context), context.ready
        if ready:
            if len(ready) > 1:
                start = int(context.random.random() * len(ready))
                ready = ready[start:] + ready[:start]
            order = [now.threads.index(thread) for thread in ready]
            step, parts = _ask(context, order, lambda index: now._one(index, context), now.parts)
            now = _Each(self.make, self.by_process, now.threads, parts, now.owners)
            if step is not None:
                return step[0], now
        if all(part is None for part in now.parts):
            return None
        return PENDING, now

    def _one(self, index: int, context: Context) -> Step:
        thread = self.threads[index]
        step = _next(self.parts[index], context.alone(thread))
        if step is None or isinstance(step[0], Pending) or step[0].thread is not None:
            return step
        return step[0].on(thread), step[1]

    def _current(self, context: Context) -> _Each:
        """Return this generator with a part for every thread and, if ``by_process``, a new one for each new process."""
        if self.threads and not self.by_process:
            return self
        owners = tuple([context.process[thread] for thread in context.threads])
        if owners == self.owners:
            return self
        parts: list[Generator | None] = []
        for index, (thread, process) in enumerate(zip(context.threads, owners, strict=True)):
            if self.owners and self.owners[index] == process:
                parts.append(self.parts[index])
            else:
                parts.append(self.make(process if self.by_process else thread))
        return _Each(self.make, self.by_process, context.threads, tuple(parts), owners)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        now = self if self.threads else self._current(context)
        thread = event.thread
        if thread is None or thread not in now.threads:
            return now
        index = now.threads.index(thread)
        part = now.parts[index]
        if part is None:
            return now
        if self.by_process and isinstance(event, Completion) and event.process != now.owners[index]:
            return now
        updated = part.update(context.alone(thread), event)
        if updated is part:
            return now
        parts = (*now.parts[:index], updated, *now.parts[index + 1 :])
        return _Each(self.make, self.by_process, now.threads, parts, now.owners)


class _OnThreads(Struct, frozen=True):
    members: frozenset[int]
    generator: Generator

    def next(self, context: Context) -> Step:
        own = self._own(context)
        step = _assign(self.generator.next(own), own) if own.threads else None
        return None if step is None else (step[0], _OnThreads(self.members, step[1]))

    def _own(self, context: Context) -> Context:
        return context.only(tuple([thread for thread in context.threads if thread in self.members]))

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        if event.thread not in self.members:
            return self
        return _OnThreads(self.members, self.generator.update(self._own(context), event))


class _Clients(Struct, frozen=True):
    generator: Generator

    def next(self, context: Context) -> Step:
        own = context.without_nemesis()
        step = _assign(self.generator.next(own), own) if own.threads else None
        return None if step is None else (step[0], _Clients(step[1]))

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        if event.thread == NEMESIS:
            return self
        return _Clients(self.generator.update(context.without_nemesis(), event))


class _Nemesis(Struct, frozen=True):
    """A generator of strikes on the nemesis's thread.

    Until the time ``quiet`` (ns) it answers PENDING without asking the generator, unless an event changes the
    generator. This saves work: clients ask thousands of times per second, and the next strike is often seconds away.
    """

    generator: Generator
    quiet: int = 0

    def next(self, context: Context) -> Step:
        if context.time < self.quiet:
            return PENDING, self
        own = context.only_nemesis()
        step = self.generator.next(own) if own.threads else None
        if step is None:
            return None
        answer, successor = step
        if isinstance(answer, Pending):
            return PENDING, _Nemesis(successor, context.time + _MOMENT)
        if answer.time is not None and answer.time - context.time > _MOMENT:
            return PENDING, _Nemesis(self.generator, answer.time - _MOMENT)
        return _assign((answer, _Nemesis(successor)), own)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        generator = self.generator.update(context.only_nemesis(), event)
        unchanged = generator is self.generator and event.thread != NEMESIS
        return self if unchanged else _Nemesis(generator)


class _Beside(Struct, frozen=True):
    parts: _Parts

    def next(self, context: Context) -> Step:
        # Ask the first part last: it may always have an operation, and would starve the parts that wait for a time.
        order = (*range(1, len(self.parts)), 0)
        step, parts = _ask(context, order, lambda index: _next(self.parts[index], context), self.parts)
        if parts[0] is None:
            return None
        return (PENDING if step is None else step[0]), _Beside(parts)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return _Beside(tuple(part and part.update(context, event) for part in self.parts))


class _Reserve(Struct, frozen=True):
    shares: tuple[int, ...]
    parts: _Parts

    def next(self, context: Context) -> Step:
        contexts = self._contexts(context)
        count = len(self.parts)
        start = int(context.random.random() * count)
        order = [(start + step) % count for step in range(count)]
        able = tuple(part if own.threads else None for part, own in zip(self.parts, contexts, strict=True))
        step, parts = _ask(context, order, lambda i: _assign(_next(able[i], contexts[i]), contexts[i]), able)
        if step is None:
            return None if all(part is None for part in parts) else (PENDING, _Reserve(self.shares, parts))
        return step[0], _Reserve(self.shares, parts)

    def _contexts(self, context: Context) -> list[Context]:
        contexts = []
        begin = 0
        for share in (*self.shares, len(context.threads)):
            contexts.append(context.only(context.threads[begin : begin + share]))
            begin += share
        return contexts

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        parts = list(self.parts)
        for index, own in enumerate(self._contexts(context)):
            part = parts[index]
            if part is not None and event.thread in own.threads:
                parts[index] = part.update(own, event)
        return _Reserve(self.shares, tuple(parts))
