"""What stands in the way of a backup or a restore, each as one sentence."""


class BackupError(Exception):
    """Nothing was changed; the text is what the person reads."""
