"""Training, saving, loading and exporting models."""
