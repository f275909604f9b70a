"""From recordings to beats: readers, filters, splits and the signal store."""
