"""Evaluating candidates: training, tables, worker pools behind one interface."""
