"""A bundle at work: everything that runs without torch."""
