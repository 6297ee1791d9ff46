"""The verifier: re-checks what a certificate claims from the raw operations, in time linear in both.

It shares nothing with what finds the claims: it may know histories and numpy, and no other room of the checkers, not
even the sequential model. The specification is written a third time here, for whole columns.
"""
