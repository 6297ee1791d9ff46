"""The cases, one file per group of clauses."""
