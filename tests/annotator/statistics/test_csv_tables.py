"""The dashboard's tables as CSV: all columns, whatever is in them, and nothing that a spreadsheet would run."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import User
from annotator.annotations.models import Source, State
from annotator.projects.models import Label, Project
from annotator.statistics import figures
from annotator.statistics.dashboard import read_table
from annotator.statistics.mask_sums import Filters
from annotator.statistics.models import LatencySample
from annotator.statistics.tables import TABLES, safe_cell

ClientOf = Callable[[User], Client]


def test_a_table_as_csv(
    project: Project, admin: User, annotator: User, add_image: Any, add_mask: Any, client_of: ClientOf
) -> None:
    add_mask(add_image(), label=Label.objects.create(project=project, name='=HYPERLINK("x")', color="#E69F00"))
    url = f"/api/v1/projects/{project.pk}/dashboard/by_label.csv"
    answer = client_of(admin).get(url)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert (row["name"], row["masks"]) == ('\'=HYPERLINK("x")', "1")
    assert client_of(annotator).get(url).status_code == 403
    assert client_of(admin).get(url.replace("by_label", "passwords")).status_code == 422


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+a", "'+a"),
        ("-a", "'-a"),
        ("@a", "'@a"),
        ("\ta", "'\ta"),
        ("a=1", "a=1"),
        (-3, -3),
        (None, ""),
    ],
)
def test_cells_are_no_formulas(value: Any, cell: Any) -> None:
    assert safe_cell(value) == cell


@pytest.mark.parametrize("table", TABLES)
def test_every_table_names_all_its_columns_even_without_rows(
    table: str, project: Project, admin: User, annotator: User, add_image: Any, add_mask: Any, client_of: ClientOf
) -> None:
    url, client = f"/api/v1/projects/{project.pk}/dashboard/{table}.csv", client_of(admin)

    def read() -> list[list[str]]:
        return list(csv.reader(io.StringIO(client.get(url).content.decode())))

    before, image = read(), add_image()
    add_mask(image, author=annotator)
    add_mask(image, source=Source.SUGGESTION, state=State.REJECTED, predicted_iou=0.9)
    LatencySample.objects.create(project=project, user=annotator, kind="decode_click", value_ms=20)
    figures.refresh_project(project)
    after, rows = read(), read_table(project, table, Filters())
    assert len(before[0]) > 4
    assert before[0] == after[0]
    assert sorted(after[0]) == sorted(rows[0])
    assert len(after) == len(rows) + 1 > 1
