"""SVG drawings shared by the report, the benchmark and the deployed model's pages."""
