"""Files that nobody vouches for, read, and files that survive a kill, written. Must not know: masks, rows, formats."""
