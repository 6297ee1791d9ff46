"""Faults and their schedules."""
