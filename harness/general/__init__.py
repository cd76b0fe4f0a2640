"""Stage 1: the general language models that ship with the repository, and how they are trained."""
