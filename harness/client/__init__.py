"""Clients of stream services: the StreamClient protocol, its implementations, and which errors are definite."""
