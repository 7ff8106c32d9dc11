"""How photos come in: uploads, zips and folders. Above images and jobs, whose services it uses."""
