"""How photos come in: uploads, zips and folders. Above images and engine, whose services and jobs it uses."""
