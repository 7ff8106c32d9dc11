"""The one decoder of picture files, for uploads, previews, the image encoder and the command line.

`opening` checks the header, `pixels` decodes to upright 8-bit RGB, `tiff_pages` takes a TIFF of many pages apart.
Never imports torch: web processes decode pictures. Must not know: models, masks, storage.
"""
