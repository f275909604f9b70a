"""Training one network: data on the device, recipe, loop and figures."""
