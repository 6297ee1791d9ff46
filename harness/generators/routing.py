"""Who performs which generator's operations: a mixture, one for each thread or process, or groups of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..workload import PENDING, Completion, Context, Generator, Invocation, Pending, Step


def mix(*weighted: tuple[float, Generator]) -> Generator:
    """A random one of several each time, with probability in proportion to its (positive) weight.

    One that has nothing for now gives way to the others, one that is exhausted drops out. All of them are told of
    every event.
    """
    if any(not weight > 0 for weight, _ in weighted):
        raise ValueError(f"the weights {[weight for weight, _ in weighted]}: each must be positive")
    return _Mix(tuple(weight for weight, _ in weighted), tuple(generator for _, generator in weighted))


def each_thread(make: Callable[[int], Generator]) -> Generator:
    """A generator of its own for each thread, made by ``make(thread)``.

    Each sees a context with no thread but its own, and only its own events, so its state is that thread's state:
    it is kept when the thread gets a new process.
    """
    return _Each(make, by_process=False)


def each_process(make: Callable[[int], Generator]) -> Generator:
    """As :func:`each_thread`, but made anew by ``make(process)`` when a thread gets a new process.

    It is exhausted when those of all processes of the moment are.
    """
    return _Each(make, by_process=True)


def on_threads(threads: Iterable[int], generator: Generator) -> Generator:
    """A generator that sees these threads alone. Where there is none of them it is exhausted."""
    return _OnThreads(frozenset(threads), generator)


def reserve(*shares: tuple[int, Generator], rest: Generator) -> Generator:
    """The first threads for the first share, the next ones for the second, and what is left for ``rest``.

    ``reserve((2, writes), (1, checks), rest=reads)`` gives ``writes`` the two lowest threads of the context,
    ``checks`` the third, and ``reads`` all others. What is left without a thread is exhausted.
    """
    return _Reserve(tuple(count for count, _ in shares), (*(generator for _, generator in shares), rest))


_Parts = tuple[Generator | None, ...]


def _ask(context: Context, order: Iterable[int], ask: Callable[[int], Step], parts: _Parts) -> tuple[Step, _Parts]:
    """Ask parts in order for an operation that can start now, else take the one that starts soonest.

    Answers are thrown away, which pure generators allow, but not what a part learnt by having nothing for now.
    The parts that come back have the successor in place, and None for those that are exhausted.
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


def _restrict(context: Context, threads: tuple[int, ...], free: tuple[int, ...]) -> Context:
    return Context(context.time, threads, free, context.process, context.random)


def _assign(step: Step, context: Context) -> Step:
    """An operation without a thread goes to a random one of the context's free threads."""
    if step is None or isinstance(step[0], Pending) or step[0].thread is not None:
        return step
    free = context.free
    return replace(step[0], thread=free[int(context.random.random() * len(free))]), step[1]


@dataclass(frozen=True, slots=True)
class _Mix:
    weights: tuple[float, ...]
    parts: _Parts

    def next(self, context: Context) -> Step:
        alive = [index for index, part in enumerate(self.parts) if part is not None]
        step, parts = _ask(context, self._draw(alive, context), lambda i: _next(self.parts[i], context), self.parts)
        if step is None:
            return None if all(part is None for part in parts) else (PENDING, _Mix(self.weights, parts))
        return step[0], _Mix(self.weights, parts)

    def _draw(self, alive: list[int], context: Context) -> Iterable[int]:
        """The parts in a random order by weight, drawn no further than is asked for."""
        while alive:
            index = context.random.choices(alive, [self.weights[i] for i in alive])[0]
            alive.remove(index)
            yield index

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return _Mix(self.weights, tuple(part and part.update(context, event) for part in self.parts))


def _next(part: Generator | None, context: Context) -> Step:
    return None if part is None else part.next(context)


@dataclass(frozen=True, slots=True)
class _Each:
    """``parts`` and ``owners`` (the process each part was made for) are indexed by thread."""

    make: Callable[[int], Generator]
    by_process: bool
    parts: _Parts = ()
    owners: tuple[int, ...] = ()

    def next(self, context: Context) -> Step:
        now = self._current(context)
        free = context.free
        if free:
            start = int(context.random.random() * len(free))
            step, parts = _ask(context, free[start:] + free[:start], lambda t: now._one(t, context), now.parts)
            now = _Each(self.make, self.by_process, parts, now.owners)
            if step is not None:
                return step[0], now
        if all(now.parts[thread] is None for thread in context.threads):
            return None
        return PENDING, now

    def _one(self, thread: int, context: Context) -> Step:
        step = _next(self.parts[thread], _restrict(context, (thread,), (thread,)))
        if step is None or isinstance(step[0], Pending) or step[0].thread is not None:
            return step
        given = step[0]
        return Invocation(given.stream, given.call, thread, given.purpose, given.time), step[1]

    def _current(self, context: Context) -> _Each:
        """With a part for every thread, and by process for every *new* process."""
        owners = self.owners
        if owners == context.process or (owners and not self.by_process):
            return self
        member = frozenset(context.threads)
        parts: list[Generator | None] = []
        for thread, process in enumerate(context.process):
            if thread < len(owners) and owners[thread] == process:
                parts.append(self.parts[thread])
            else:
                parts.append(self.make(process if self.by_process else thread) if thread in member else None)
        return _Each(self.make, self.by_process, tuple(parts), context.process)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        now = self if self.owners else self._current(context)
        thread = event.thread
        part = None if thread is None else now.parts[thread]
        if thread is None or part is None:
            return now
        if self.by_process and isinstance(event, Completion) and event.process != now.owners[thread]:
            return now
        updated = part.update(_restrict(context, (thread,), (thread,) if thread in context.free else ()), event)
        parts = (*now.parts[:thread], updated, *now.parts[thread + 1 :])
        return _Each(self.make, self.by_process, parts, now.owners)


@dataclass(frozen=True, slots=True)
class _OnThreads:
    members: frozenset[int]
    generator: Generator

    def next(self, context: Context) -> Step:
        own = self._own(context)
        step = _assign(self.generator.next(own), own) if own.threads else None
        return None if step is None else (step[0], _OnThreads(self.members, step[1]))

    def _own(self, context: Context) -> Context:
        threads = tuple(thread for thread in context.threads if thread in self.members)
        return _restrict(context, threads, tuple(thread for thread in context.free if thread in self.members))

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        if event.thread not in self.members:
            return self
        return _OnThreads(self.members, self.generator.update(self._own(context), event))


@dataclass(frozen=True, slots=True)
class _Reserve:
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
            threads = context.threads[begin : begin + share]
            contexts.append(_restrict(context, threads, tuple(t for t in context.free if t in threads)))
            begin += share
        return contexts

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        parts = list(self.parts)
        for index, own in enumerate(self._contexts(context)):
            part = parts[index]
            if part is not None and event.thread in own.threads:
                parts[index] = part.update(own, event)
        return _Reserve(self.shares, tuple(parts))
