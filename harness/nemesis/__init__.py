"""Faults: what can strike a target, and when."""
