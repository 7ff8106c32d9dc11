"""Projects, labels, members and the access rules."""
