"""The targets of a run: the bundled reference server, or any S2 endpoint."""
