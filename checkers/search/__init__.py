"""The search: what decides a stream that the scan leaves open, because somebody wrote what nobody read.

It replays the sequential specification along the stream, from left to right, and branches only where the history does
not say which append comes next. ``docs/search.md`` argues that it is exact.
"""
