"""Who works on which image: leases, the next image, submissions and reviews."""
