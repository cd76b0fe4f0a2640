"""What is asked: datasets, arms, recipes, profiles and claims, as values."""
