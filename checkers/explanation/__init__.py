"""How a violation is told: sentences, the graph of its edges, a few witnesses of each anomaly."""
