"""Management commands of the texts."""
