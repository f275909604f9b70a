"""From a trained network to a bundle; the last room that knows torch."""
