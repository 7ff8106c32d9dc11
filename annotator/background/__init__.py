"""The worker process: its pulse, and the reconciler that finds lost work. Above images and inference."""
