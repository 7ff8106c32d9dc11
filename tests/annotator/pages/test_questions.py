"""Questions of a label, as people write them and as the label keeps them; and the project's overlap rule."""

from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import User
from annotator.pages.questions import QuestionError, read_questions, write_questions
from annotator.projects.models import MAX_LABEL_LENGTH, Label, Project

TEXT = "Occluded: flag\nPose*: sitting, standing\nAge: number\nNote: text"


@pytest.fixture
def client(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_every_kind_is_read_and_written_back() -> None:
    questions = read_questions(f"  {TEXT}\n\n")
    assert [(row["name"], row["kind"], row["choices"], row["is_required"]) for row in questions] == [
        ("Occluded", "flag", [], False),
        ("Pose", "choice", ["sitting", "standing"], True),
        ("Age", "number", [], False),
        ("Note", "text", [], False),
    ]
    assert write_questions(questions) == TEXT


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Pose", "is no question"),
        (": flag", "is no question"),
        ("*: flag", "is no question"),
        ("Pose:", "is no question"),
        ("Pose: sitting", "two choices"),
        ("Pose: a, a", "two choices"),
        ("Pose: flag\nPose: text", "asked twice"),
        (f"{'x' * (MAX_LABEL_LENGTH + 1)}: flag", "too long"),
        ("\n".join(f"q{number}: flag" for number in range(51)), "50 questions at most"),
    ],
)
def test_a_line_that_is_no_question_is_named(line: str, said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        read_questions(line)


def post_label(client: Client, project: Project, label: Label, **fields: Any) -> Any:
    body = {"name": label.name, "color": label.color, "key": label.key, **fields}
    return client.post(f"/projects/{project.pk}/labels/{label.pk}/", body, follow=True)


def test_questions_are_kept_and_shown_on_the_labels_page(client: Client, project: Project) -> None:
    label = Label.objects.create(project=project, name="Gull", color="#E69F00", key="")
    post_label(client, project, label, questions=TEXT)
    label.refresh_from_db()
    assert [row["kind"] for row in label.attributes] == ["flag", "choice", "number", "text"]
    assert "Pose*: sitting, standing" in client.get(f"/projects/{project.pk}/labels/").content.decode()


def test_a_wrong_question_changes_nothing_and_is_named(client: Client, project: Project) -> None:
    label = Label.objects.create(project=project, name="Gull", color="#E69F00", key="")
    answer = post_label(client, project, label, name="Tern", questions="Pose")
    label.refresh_from_db()
    assert (label.name, label.attributes) == ("Gull", [])
    assert "“Pose” is no question" in answer.content.decode()


def test_a_new_label_may_ask_at_once(client: Client, project: Project) -> None:
    body = {"name": "Tern", "color": "#56B4E9", "key": "", "questions": "Flying: flag"}
    client.post(f"/projects/{project.pk}/labels/", body)
    assert Label.objects.get(project=project, name="Tern").attributes[0]["name"] == "Flying"


SETTINGS = {"name": "Street", "description": "", "guidelines": "", "stage": "assisted_manual", "model_version": ""}


def test_the_overlap_rule_is_one_of_the_settings_and_leaves_the_others(client: Client, project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(settings={"queue": {"order": "random"}})
    client.post(f"/projects/{project.pk}/settings/", {**SETTINGS, "overlap": "new_cuts"})
    project.refresh_from_db()
    assert project.settings == {"queue": {"order": "random"}, "overlap": "new_cuts"}
    page = client.get(f"/projects/{project.pk}/settings/").content.decode()
    assert '<option value="new_cuts" selected>' in page


def test_an_overlap_rule_that_does_not_exist_is_refused(client: Client, project: Project) -> None:
    answer = client.post(f"/projects/{project.pk}/settings/", {**SETTINGS, "overlap": "stack"})
    project.refresh_from_db()
    assert answer.status_code == 200
    assert "overlap" not in project.settings
