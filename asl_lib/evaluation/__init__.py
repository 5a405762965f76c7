"""Splits, numbers and reports."""
