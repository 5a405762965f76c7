"""The notebooks and the `asl` command."""
