"""Tests of the world: clock, randomness, network, processes."""
