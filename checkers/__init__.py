"""What must hold: the sequential model, the chain, linearizability, structure, explanation, statistics, plots."""
