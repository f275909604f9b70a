"""Beat-by-beat and run-by-run comparison of annotation files, as ANSI/AAMI EC57 asks for."""
