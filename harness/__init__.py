"""Runs a test: a target, clients, faults, a history. Knows no particular workload, checker or target."""
