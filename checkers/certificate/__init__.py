"""Certificates: what a verdict rests on, written down such that the kernel, run alone, can re-check it."""
