"""Parts of the bench of faults."""
