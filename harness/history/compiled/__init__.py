"""Reads a journal in the form in which our recorder writes it, ten times as fast as an event at a time.

:mod:`.blocks` scans bytes into numbers, compiled (:mod:`.lines`); :mod:`.load` enters these into the tables that every
reader fills. Lines of another form are left to the ordinary decoder. A journal in which a line cannot be decoded is
left to the ordinary reader, which says what is wrong with it.
"""
