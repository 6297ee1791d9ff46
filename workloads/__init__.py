"""What the clients do: generator combinators, and one file for each workload."""
