"""Reports on verdicts: text, explanations, JSON, notebooks. The checkers draw the pictures."""
