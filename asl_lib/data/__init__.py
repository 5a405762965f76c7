"""Recordings: clips tables, videos, data sets, downloads, and the procedural signers of the demo."""
