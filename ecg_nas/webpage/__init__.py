"""A bundle as one HTML file that classifies in the browser. Without torch."""
