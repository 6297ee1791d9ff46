"""Guesses an order that may explain a stream, quickly. The kernel accepts it or not; a guess decides nothing."""
