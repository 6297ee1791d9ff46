"""One command a claim: each measures, side by side in one run, and prints a table and the machine."""
