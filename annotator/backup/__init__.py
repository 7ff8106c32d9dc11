"""Backup and restore of everything that a start needs: database, photos, model graphs, secret key.

A folder of backups holds one folder for each; files that did not change since the last one are hard links to it. A
backup is made under a name that starts with a dot and renamed when it is whole, so a killed one is never taken for one.
"""
