"""Puts verdicts into words: text, explanations, JSON, notebooks. The checkers draw the pictures."""
