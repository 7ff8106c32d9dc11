"""Forms of the pages. They check what a person typed; services decide."""

from typing import Any, cast

from django import forms
from django.core.validators import RegexValidator

from annotator.inference.models import ModelVersion
from annotator.pages.questions import QuestionError, read_questions
from annotator.projects.models import Project, Role, Stage

OVERLAP_CHOICES = [
    ("allow", "Masks may overlap"),
    ("new_yields", "No overlap: a new mask leaves out what others cover"),
    ("new_cuts", "No overlap: a new mask is cut out of the others"),
]
KEY_CHOICES = [("", "no key"), *[(str(n), str(n)) for n in range(1, 10)]]

QUESTIONS_EXAMPLE = "Occluded: flag\nPose*: sitting, standing\nAge: number\nNote: text"


class ProjectForm(forms.Form):
    """A new project with its first labels."""

    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}))
    description = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))
    guidelines = forms.CharField(
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What annotators read in the workspace: what to mask, what to leave out.",
    )


class ProjectSettingsForm(ProjectForm):
    """Everything about a project that its admins change later."""

    stage = forms.ChoiceField(
        choices=[
            (Stage.ASSISTED_MANUAL, "Assisted manual: people click, the model draws"),
            (Stage.SEMI_AUTOMATIC, "Semi-automatic: the model suggests, people accept and add"),
            (Stage.FULLY_AUTOMATIC, "Fully automatic: the model draws everything"),
        ]
    )
    overlap = forms.ChoiceField(
        choices=OVERLAP_CHOICES,
        help_text="Holds for masks made from now on, in every stage; locked masks are never cut.",
    )
    model_version = forms.ChoiceField(required=False, help_text="A project keeps its model until you choose another.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = ModelVersion.objects.values_list("version", flat=True)
        self.fields["name"].widget.attrs.pop("autofocus")
        field = cast("forms.ChoiceField", self.fields["model_version"])
        field.choices = [("", "The server's default model"), *[(version, version) for version in versions]]

    @classmethod
    def of(cls, project: Project) -> "ProjectSettingsForm":
        """Return the form filled with a project."""
        version = project.model_version.version if project.model_version else ""
        names = ("name", "description", "guidelines", "stage")
        chosen = {"model_version": version, "overlap": project.settings.get("overlap", "allow")}
        return cls(initial={**{name: getattr(project, name) for name in names}, **chosen})

    def changes(self) -> dict[str, Any]:
        """Return what the form says as changes of a project; the overlap rule is one of its settings."""
        fields = self.cleaned_data
        return {
            **{name: value for name, value in fields.items() if name != "overlap"},
            "model_version": fields["model_version"] or None,
            "settings": {"overlap": fields["overlap"]},
        }


class LabelForm(forms.Form):
    """One label."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    color = forms.CharField(
        label="Colour",
        validators=[RegexValidator(r"^#[0-9A-Fa-f]{6}$", "Give a colour as #RRGGBB.")],
        widget=forms.TextInput(attrs={"type": "color"}),
    )
    key = forms.ChoiceField(required=False, choices=KEY_CHOICES)
    questions = forms.CharField(
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": QUESTIONS_EXAMPLE}),
        help_text="Asked about each mask, one a line; a star makes an answer required.",
    )

    def clean_questions(self) -> list[dict[str, Any]]:
        """Return the questions as the label keeps them."""
        try:
            return read_questions(self.cleaned_data["questions"])
        except QuestionError as error:
            raise forms.ValidationError(str(error)) from error

    def label_fields(self) -> dict[str, Any]:
        """Return what the form says as fields of a label."""
        fields = dict(self.cleaned_data)
        attributes = fields.pop("questions")
        return {**fields, "attributes": attributes}


class MemberForm(forms.Form):
    """Somebody to add."""

    username = forms.CharField(label="User name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(choices=Role.choices, initial=Role.ANNOTATOR)


class NewPersonForm(forms.Form):
    """Somebody who has no account yet."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        validators=[RegexValidator(r"^[\w.@+-]+$", "Use letters, digits and @ . + - _ only.")],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(choices=Role.choices)


def read_label_rows(names: list[str], colors: list[str], keys: list[str]) -> list[dict[str, str]]:
    """Return the label rows of the new-project form; rows without a name are left out."""
    rows = zip(names, colors, keys, strict=False)
    return [{"name": name.strip(), "color": color, "key": key} for name, color, key in rows if name.strip()]
