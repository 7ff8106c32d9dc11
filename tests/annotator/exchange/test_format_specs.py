"""Specs of formats lead to writers and readers, and page, API and commands offer exactly those."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.translation import override
from pydantic import ValidationError

from annotator.accounts.models import User
from annotator.exchange.base.reading import Reader
from annotator.exchange.base.writing import Writer
from annotator.exchange.format_spec import FormatSpec, Sentence
from annotator.exchange.options import ExportOptions, ImportOptions
from annotator.exchange.registry import READ, SPECS, WRITTEN, load_reader, load_writer
from annotator.projects.models import Project

NOTHING = Sentence(en="", ko="", zh_hant="")


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_spec_leads_to_its_writer_and_reader_and_names_real_options(name: str) -> None:
    spec = SPECS[name]
    assert spec.writer or spec.reader
    if spec.writer:
        assert issubclass(load_writer(name), Writer)
    if spec.reader:
        assert issubclass(load_reader(name), Reader)
    assert spec.options <= set(ExportOptions.model_fields)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_spec_says_in_each_language_what_its_files_are(name: str) -> None:
    said = []
    for language, _ in settings.LANGUAGES:
        with override(language):
            said.append(str(SPECS[name].words))
    assert all(said)
    assert len(set(said)) == len(settings.LANGUAGES) == 3


def test_a_spec_that_holds_an_unknown_thing_is_refused() -> None:
    with pytest.raises(ValueError, match="smells"):
        FormatSpec(name="x", title="X", words=NOTHING, rank=1, container="zip", holds=frozenset({"smells"}))


def test_the_options_take_the_names_of_the_specs_and_no_others() -> None:
    schema = ExportOptions.model_json_schema()["properties"]["format"]
    assert schema["enum"] == list(WRITTEN)
    assert ImportOptions.model_json_schema()["properties"]["format"]["enum"] == ["auto", *READ]
    for name in WRITTEN:
        assert ExportOptions(format=name).format == name
    with pytest.raises(ValidationError, match="none of coco"):
        ExportOptions(format="wav")


def test_an_option_of_another_format_is_refused_with_the_formats_that_have_it() -> None:
    with pytest.raises(ValidationError, match="shortest_side_px is an option of sa1b, not of yolo"):
        ExportOptions(format="yolo", shortest_side_px=1500)
    with pytest.raises(ValidationError, match="segmentation is an option of coco"):
        ExportOptions(format="sa1b", segmentation="polygons")


def test_the_pages_offer_each_format_with_its_title(project: Project, admin: User) -> None:
    client = Client()
    client.force_login(admin)
    exports = client.get(f"/projects/{project.pk}/exports/").content.decode()
    imports = client.get(f"/projects/{project.pk}/imports/").content.decode()
    for name, spec in SPECS.items():
        assert (f'name="format" value="{name}"' in exports) == bool(spec.writer)
        assert (str(spec.words) in exports) == bool(spec.writer)
        assert (f'<option value="{name}">{spec.title}</option>' in imports) == bool(spec.reader)


def test_the_command_names_the_formats_when_asked_for_another(project: Project, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="none of coco"):
        call_command("export_project", str(project.pk), "--format", "wav", "--output", str(tmp_path))
