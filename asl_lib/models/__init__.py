"""The course's models: one family a file, found by name in `registry`. They know nothing of data sets."""
