"""What can be tested: the bundled reference server, or any S2 endpoint."""
