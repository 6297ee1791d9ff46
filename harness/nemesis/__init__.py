"""Faults, their schedules, and the nemesis that starts and heals them."""
