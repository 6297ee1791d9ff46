"""Loops compiled once, ahead of time where possible, and loaded from disk without the compiler.

:mod:`.loop` has the decorator. Importing a module that uses it compiles the loops in it, unless that was done before
(``make setup`` does it). numba compiles (:mod:`.compiler`), which takes seconds. What it made is kept as machine code
(:mod:`.store`) beside a fingerprint of all that it was made of (:mod:`.made_of`). LLVM alone loads it
(:mod:`.machine`), in milliseconds, so numba is imported only where something has to be compiled.
"""
