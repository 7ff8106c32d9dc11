"""From a file to the rows of a project: the first pass, the batches, what is remembered, the jobs."""
