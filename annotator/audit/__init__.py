"""The audit log: who did what to whom, beside the revisions that masks keep themselves. Below every other app."""
