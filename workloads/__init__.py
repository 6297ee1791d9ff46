"""What the clients do: one file for each workload, and the parts that they share."""
