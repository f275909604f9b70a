"""A bundle at work on recordings: classifier, writers, verification. Without torch."""
