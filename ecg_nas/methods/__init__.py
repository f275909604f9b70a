"""Search methods, one file each: the folder is the registry. What runs them is in ``engine``."""
