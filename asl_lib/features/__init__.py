"""Recipes: from landmarks, photographs and videos to what a network takes."""
