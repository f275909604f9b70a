"""Figures of merit, each computed once: counts in, figures out. Without torch."""
