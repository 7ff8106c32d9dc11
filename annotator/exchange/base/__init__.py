"""What every format builds on: readers, writers, and masks, photos and labels as they are given and read."""
