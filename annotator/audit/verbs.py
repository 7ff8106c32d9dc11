"""What can happen. The part before the dot is the kind of thing that it happened to."""

from django.db import models
from django.utils.translation import gettext_lazy


class Verb(models.TextChoices):
    """One event; add a line here for a new one."""

    LABEL_ADDED = "label.added", gettext_lazy("Label added")
    LABEL_CHANGED = "label.changed", gettext_lazy("Label changed")
    LABEL_DELETED = "label.deleted", gettext_lazy("Label deleted")
    MEMBER_ADDED = "member.added", gettext_lazy("Member added")
    MEMBER_ROLE = "member.role", gettext_lazy("Role changed")
    MEMBER_REMOVED = "member.removed", gettext_lazy("Member removed")
    PROJECT_MADE = "project.made", gettext_lazy("Project made")
    PROJECT_CHANGED = "project.changed", gettext_lazy("Project settings changed")
    PROJECT_MODEL_BACK = "project.model_back", gettext_lazy("Project's choice of model taken back")
    PROJECT_ARCHIVED = "project.archived", gettext_lazy("Project archived")
    PROJECT_UNARCHIVED = "project.unarchived", gettext_lazy("Project brought back from the archive")
    PROJECT_DELETED = "project.deleted", gettext_lazy("Project put into the bin")
    PROJECT_RESTORED = "project.restored", gettext_lazy("Project taken out of the bin")
    PROJECT_PURGED = "project.purged", gettext_lazy("Project deleted for good")
    IMAGE_DELETED = "image.deleted", gettext_lazy("Image deleted")
    EXPORT_MADE = "export.made", gettext_lazy("Export made")
    EXPORT_DOWNLOADED = "export.downloaded", gettext_lazy("Export downloaded")
    EXPORT_DELETED = "export.deleted", gettext_lazy("Export deleted")
    DATASET_MADE = "dataset.made", gettext_lazy("Dataset version made")
    DATASET_DOWNLOADED = "dataset.downloaded", gettext_lazy("Dataset version downloaded")
    DATASET_DELETED = "dataset.deleted", gettext_lazy("Dataset version deleted")
    LINK_MADE = "link.made", gettext_lazy("Link made")
    LINK_ENDED = "link.ended", gettext_lazy("Link ended")
    IMPORT_STARTED = "import.started", gettext_lazy("Import started")
    IMPORT_DELETED = "import.deleted", gettext_lazy("Import deleted")
    TOKEN_MADE = "token.made", gettext_lazy("Token made")
    TOKEN_REVOKED = "token.revoked", gettext_lazy("Token revoked")
    SIGNED_IN = "person.signed_in", gettext_lazy("Signed in")
    SIGN_IN_FAILED = "person.sign_in_failed", gettext_lazy("Sign-in failed")
    SIGN_IN_LOCKED = "person.sign_in_locked", gettext_lazy("Sign-in locked")
    SIGNED_OUT = "person.signed_out", gettext_lazy("Signed out")
    PASSWORD_CHANGED = "person.password_changed", gettext_lazy("Password changed")
    PERSON_MADE = "person.made", gettext_lazy("Account made")
    PERSON_CHANGED = "person.changed", gettext_lazy("Account changed")
    PERSON_DEACTIVATED = "person.deactivated", gettext_lazy("Account closed")
    PERSON_REACTIVATED = "person.reactivated", gettext_lazy("Account opened again")
    PERSON_INVITED = "person.invited", gettext_lazy("Invitation made")
    INVITE_WITHDRAWN = "person.invite_withdrawn", gettext_lazy("Invitation withdrawn")
    PASSWORD_LINK = "person.password_link", gettext_lazy("Password link made")
    MODEL_INSTALLED = "model.installed", gettext_lazy("Model installed")
    MODEL_DEFAULT = "model.default", gettext_lazy("Default model changed")
    MODEL_DEFAULT_BACK = "model.default_back", gettext_lazy("Change of the default model taken back")
    EMBEDDINGS_CLEARED = "model.embeddings_cleared", gettext_lazy("Embeddings of a model cleared")
    IMPROVEMENT_STARTED = "improvement.started", gettext_lazy("Improvement started")
    IMPROVEMENT_CANCELLED = "improvement.cancelled", gettext_lazy("Improvement cancelled")
    RULE_OVERRIDDEN = "image.rule_overridden", gettext_lazy("Rule overridden")

    @property
    def kind(self) -> str:
        """Return what it happened to."""
        return self.value.partition(".")[0]
