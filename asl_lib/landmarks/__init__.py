"""Landmarks: tracked from videos, read from files, kept together."""
