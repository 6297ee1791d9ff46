"""Certificates: what a verdict rests on, written down such that a second program can re-check it."""
