"""The predictors that are networks; with torch, so imported only when one is started."""
