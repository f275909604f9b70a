"""What is done to a run: the search, the final model, its bundle; each step resumable."""
