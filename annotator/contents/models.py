"""Rows that stand for a photo's content while it comes or goes. Images are rows of their own and know nothing of them.

Several projects may share one content, by its SHA-256. A row here is what two processes wait for each other on.
"""

from django.db import models

from annotator.photos.picture_names import MAX_PICTURE_LENGTH, SHA256_LENGTH


class Content(models.Model):
    """One content whose files are there, coming or going; locked by whoever decides over them."""

    sha256 = models.CharField(max_length=SHA256_LENGTH, primary_key=True)

    def __str__(self) -> str:
        return self.sha256


class ContentClaim(models.Model):
    """Somebody works with the files of a content and has no other row that says so yet."""

    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="claims")
    picture = models.CharField(max_length=MAX_PICTURE_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"claim on {self.picture}"


class ReleasedPicture(models.Model):
    """A picture that a row has stopped showing: its files are to be looked at, and removed if no other row shows it."""

    picture = models.CharField(max_length=MAX_PICTURE_LENGTH, unique=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return self.picture
