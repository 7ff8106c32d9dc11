"""Long background work: claimed by one process at a time, with progress, pause, resume and cancel."""
