"""From a filtered signal and its annotations to beats as a network sees them."""
