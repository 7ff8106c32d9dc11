"""The migrations of the rooms jobs, queue, automatic and statistics from when they were one app; nothing else."""
