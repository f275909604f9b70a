"""Compare search methods on tables of trained networks: many seeds, equal budgets."""
