"""Performance predictors: they rank architectures from few labels."""
