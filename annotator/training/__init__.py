"""Learning from a project's masks: what is learned from is frozen as a dataset version, which never changes again."""
