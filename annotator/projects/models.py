"""Projects, their labels and their members."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from annotator.accounts.models import OneUseLink


class Stage(models.TextChoices):
    """The three stages of the data engine."""

    ASSISTED_MANUAL = "assisted_manual"
    SEMI_AUTOMATIC = "semi_automatic"
    FULLY_AUTOMATIC = "fully_automatic"


class Role(models.TextChoices):
    """What a member may do in one project."""

    ADMIN = "admin"
    REVIEWER = "reviewer"
    ANNOTATOR = "annotator"


class Project(models.Model):
    """A set of images with labels, guidelines and members."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    guidelines = models.TextField(blank=True)
    stage = models.CharField(max_length=20, choices=Stage.choices, default=Stage.ASSISTED_MANUAL)
    model_version = models.ForeignKey("inference.ModelVersion", null=True, blank=True, on_delete=models.SET_NULL)
    settings = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)  # in the bin since (bin.py)
    purge_at = models.DateTimeField(null=True, blank=True)  # deleted for good from then on
    deleted_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class ModelChoice(models.Model):
    """That a project came to keep to another model version; None follows the server's default.

    The latest that was not taken back is the project's `model_version`; taking it back restores `before`.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="model_choices")
    before = models.ForeignKey("inference.ModelVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    after = models.ForeignKey("inference.ModelVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    chosen_at = models.DateTimeField(auto_now_add=True)
    taken_back_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"project {self.project_id} since {self.chosen_at}"


MAX_LABEL_LENGTH = 200


class Label(models.Model):
    """A class of objects; `attributes` lists the questions asked about each mask of it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=MAX_LABEL_LENGTH)
    color = models.CharField(max_length=7, validators=[RegexValidator(r"^#[0-9A-Fa-f]{6}$")])
    key = models.CharField(max_length=1, blank=True, validators=[RegexValidator(r"^[1-9]?$")])
    position = models.PositiveIntegerField(default=0)
    attributes = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="label_name_once_per_project"),
            models.UniqueConstraint(fields=["project", "key"], condition=~Q(key=""), name="label_key_once_per_project"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role in one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.ANNOTATOR)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="member_once_per_project")]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.project_id}"


class ProjectLink(OneUseLink):
    """A link that makes whoever is signed in and opens it first a member."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="links")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.ANNOTATOR)

    def __str__(self) -> str:
        return f"link {self.pk} into {self.project_id}"
