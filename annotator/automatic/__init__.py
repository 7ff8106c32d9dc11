"""What the model does alone: embeddings of a newly pinned version, suggestions, automatic masks."""
