"""What a bundle is worth on test patients, and what became of every beat. Without torch."""
