"""Recipes, and the clips that they prepare from landmarks, photographs and videos."""
