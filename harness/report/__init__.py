"""What is told of a run, made from its history and verdict (the pictures are the checkers')."""
