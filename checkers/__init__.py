"""What must hold: the kernel that decides, what proposes to it, names and explanations, statistics, plots."""
