"""The signal store: what is asked for, planned, written, opened and cut into beats."""
