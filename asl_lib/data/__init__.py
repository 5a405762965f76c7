"""Clips tables, videos, data sets with their downloads, and the procedural signers of the demo."""
