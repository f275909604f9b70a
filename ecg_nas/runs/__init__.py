"""Runs of the main job: settings, folder and the composition of everything below."""
