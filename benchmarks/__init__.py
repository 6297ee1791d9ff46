"""One command per claim. Each measures all sides in the same run, and prints a table and the machine."""
