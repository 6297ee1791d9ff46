"""Reads a journal in the form in which our recorder writes it, ten times as fast as an event at a time.

:mod:`.lines` scans bytes into numbers, compiled; :mod:`.order` gives them their rows; :mod:`.load` makes a history of
them, with the texts that :mod:`.texts` numbers. Lines of another form are left to the ordinary decoder. A journal in
which anything at all is wrong is left to the ordinary reader, which says what.
"""
