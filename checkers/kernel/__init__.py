"""The kernel: nothing but this decides. It accepts an order, or refutes a history, and believes nobody else."""
