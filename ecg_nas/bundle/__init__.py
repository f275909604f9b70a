"""What a bundle is: its manifest, and how its folder takes its place whole. Without torch."""
