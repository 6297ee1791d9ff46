"""Speaks S2: the StreamClient protocol, its clients, and which errors are definite."""
