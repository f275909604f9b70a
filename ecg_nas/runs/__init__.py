"""A run on disk: its settings, folder and data, and what it is put together from."""
