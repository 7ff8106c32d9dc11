"""Forms of the pages. They check what a person typed; services decide."""

from typing import Any, cast

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy

from annotator.inference.models import ModelVersion
from annotator.pages.questions import QuestionError, read_questions
from annotator.pages.templatetags.pages import ROLE_WORDS
from annotator.projects.commands import LabelChanges, LabelQuestion, ModelPin, NewLabel, NewProject, ProjectChanges
from annotator.projects.models import MAX_LABEL_LENGTH, Project, Role, Stage

OVERLAP_CHOICES = [
    ("allow", gettext_lazy("Masks may overlap")),
    ("new_yields", gettext_lazy("No overlap: a new mask leaves out what others cover")),
    ("new_cuts", gettext_lazy("No overlap: a new mask is cut out of the others")),
]
KEY_CHOICES = [("", gettext_lazy("no key")), *[(str(n), str(n)) for n in range(1, 10)]]

QUESTIONS_EXAMPLE = gettext_lazy("Occluded: flag\nPose*: sitting, standing\nAge: number\nNote: text")


class ProjectForm(forms.Form):
    """A new project with its first labels."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )
    guidelines = forms.CharField(
        label=gettext_lazy("Guidelines"),
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("What annotators read in the workspace: what to mask, what to leave out."),
    )

    def command(self, labels: list[NewLabel]) -> NewProject:
        """Return the project that the form asks for, with its first labels."""
        fields = self.cleaned_data
        name, description, guidelines = fields["name"], fields["description"], fields["guidelines"]
        return NewProject(name=name, description=description, guidelines=guidelines, labels=labels)


class ProjectSettingsForm(ProjectForm):
    """Everything about a project that its admins change later."""

    stage = forms.ChoiceField(
        label=gettext_lazy("Stage"),
        choices=[
            (Stage.ASSISTED_MANUAL, gettext_lazy("Assisted manual: people click, the model draws")),
            (Stage.SEMI_AUTOMATIC, gettext_lazy("Semi-automatic: the model suggests, people accept and add")),
            (Stage.FULLY_AUTOMATIC, gettext_lazy("Fully automatic: the model draws everything")),
        ],
    )
    overlap = forms.ChoiceField(
        label=gettext_lazy("Overlap"),
        choices=OVERLAP_CHOICES,
        help_text=gettext_lazy("Holds for masks made from now on, in every stage; locked masks are never cut."),
    )
    model_version = forms.ChoiceField(
        label=gettext_lazy("Model version"),
        required=False,
        help_text=gettext_lazy("A project keeps its model until you choose another."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = ModelVersion.objects.values_list("version", flat=True)
        self.fields["name"].widget.attrs.pop("autofocus")
        field = cast("forms.ChoiceField", self.fields["model_version"])
        field.choices = [
            ("", gettext_lazy("The server's default model")),
            *[(version, version) for version in versions],
        ]

    @classmethod
    def of(cls, project: Project) -> "ProjectSettingsForm":
        """Return the form filled with a project."""
        version = project.model_version.version if project.model_version else ""
        names = ("name", "description", "guidelines", "stage")
        chosen = {"model_version": version, "overlap": project.settings.get("overlap", "allow")}
        return cls(initial={**{name: getattr(project, name) for name in names}, **chosen})

    def changes(self) -> ProjectChanges:
        """Return what the form says as changes of a project; the overlap rule is one of its settings."""
        fields = self.cleaned_data
        return ProjectChanges(
            name=fields["name"],
            description=fields["description"],
            guidelines=fields["guidelines"],
            stage=fields["stage"],
            pin=ModelPin(fields["model_version"] or None),
            settings={"overlap": fields["overlap"]},
        )


class BrightnessForm(forms.Form):
    """What is shown of photos that hold more than 256 levels."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Shown"),
        choices=[
            ("used", gettext_lazy("The range in use, photo by photo")),
            ("values", gettext_lazy("From a lowest to a highest value, the same for all photos")),
            ("percent", gettext_lazy("From a lowest to a highest per cent of each photo's pixels")),
        ],
    )
    low = forms.FloatField(label=gettext_lazy("Lowest (black)"), required=False)
    high = forms.FloatField(label=gettext_lazy("Highest (white)"), required=False)

    def clean(self) -> dict[str, object]:
        """Return the fields, 0 for a number that was left out."""
        fields = super().clean() or {}
        return {**fields, "low": fields.get("low") or 0.0, "high": fields.get("high") or 0.0}


class LabelForm(forms.Form):
    """One label."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=MAX_LABEL_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    color = forms.CharField(
        label=gettext_lazy("Colour"),
        validators=[RegexValidator(r"^#[0-9A-Fa-f]{6}$", gettext_lazy("Give a colour as #RRGGBB."))],
        widget=forms.TextInput(attrs={"type": "color"}),
    )
    key = forms.ChoiceField(label=gettext_lazy("Key"), required=False, choices=KEY_CHOICES)
    questions = forms.CharField(
        label=gettext_lazy("Questions"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": QUESTIONS_EXAMPLE}),
        help_text=gettext_lazy("Asked about each mask, one a line; a star makes an answer required."),
    )

    def clean_questions(self) -> list[LabelQuestion]:
        """Return the questions as the label keeps them."""
        try:
            return read_questions(self.cleaned_data["questions"])
        except QuestionError as error:
            raise forms.ValidationError(str(error)) from error

    def command(self) -> NewLabel:
        """Return the label that the form asks for."""
        fields = self.cleaned_data
        questions = fields["questions"]
        return NewLabel(name=fields["name"], color=fields["color"], key=fields["key"], attributes=questions)

    def changes(self) -> LabelChanges:
        """Return what the form says as changes of a label."""
        fields = self.cleaned_data
        questions = fields["questions"]
        return LabelChanges(name=fields["name"], color=fields["color"], key=fields["key"], attributes=questions)


class MemberForm(forms.Form):
    """Somebody to add."""

    username = forms.CharField(
        label=gettext_lazy("User name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=ROLE_WORDS.items(), initial=Role.ANNOTATOR)


class LinkForm(forms.Form):
    """A link into a project."""

    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=ROLE_WORDS.items(), initial=Role.ANNOTATOR)
    days = forms.TypedChoiceField(
        label=gettext_lazy("Works for"),
        coerce=int,
        initial=7,
        choices=[(1, gettext_lazy("1 day")), (7, gettext_lazy("7 days")), (30, gettext_lazy("30 days"))],
    )


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=ROLE_WORDS.items())


def read_label_rows(names: list[str], colors: list[str], keys: list[str]) -> list[dict[str, str]]:
    """Return the label rows of the new-project form; rows without a name are left out."""
    rows = zip(names, colors, keys, strict=False)
    return [{"name": name.strip(), "color": color, "key": key} for name, color, key in rows if name.strip()]
