"""Beats of recordings that come piece by piece, with the numbers that a whole one gives."""
