"""Recordings as they lie on disk: headers, signals, annotations, and the formats of their files."""
