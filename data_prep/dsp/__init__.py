"""Signal processing: filters, gaps, R peaks, signal quality. NumPy and SciPy only."""
