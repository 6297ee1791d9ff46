"""A stranger's package: one file for each thing that it adds, with nothing but the public API."""
