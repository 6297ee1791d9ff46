"""Reads a journal in the form in which our recorder writes it, a hundred times faster than an event at a time.

:mod:`.lines` scans bytes into numbers, compiled; :mod:`.load` makes a history of them. Lines of another form are left
to the ordinary decoder. A journal in which anything at all is wrong is left to the ordinary reader, which says what.
"""
