"""Queue, jobs, statistics."""
