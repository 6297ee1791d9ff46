"""Histories: the events of a run, its recorder, the readers and writers of each format, and the columns."""
