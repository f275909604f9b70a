"""Architectures as plain arrays, without torch."""
