"""The world that a run, its server and its clients live in: clock, randomness, disk, network, processes."""
