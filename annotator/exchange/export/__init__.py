"""From the rows of a project to files: the selection, the run with its checkpoints, the certificate, the jobs."""
