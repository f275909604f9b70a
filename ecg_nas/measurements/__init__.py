"""What a search and a model can expect on this machine and these data: the bench commands."""
