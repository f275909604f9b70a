"""The official files of the NAS benchmarks, turned into the compact tables that we read."""
