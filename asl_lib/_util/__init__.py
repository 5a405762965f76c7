"""Private: files, caches, jobs, the console."""
