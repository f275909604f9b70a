"""What every search method is run by: the loop, the store of a run, selection."""
