"""Tables of trained networks: what they say of themselves, how they are read and made."""
