"""Number the versions that are there, say both licences, and let what was the default be a decision."""

import re
from typing import Any

from django.conf import settings
from django.db import migrations

SAM_DATA = "SA-1B: research only"
DATA = {
    "sam_lite": "35 public sets, each its own licence: some allow research only",
    "sam_vit_b": SAM_DATA,
    "sam_vit_l": SAM_DATA,
    "sam_vit_h": SAM_DATA,
    "mobile_sam": SAM_DATA,
}
# Labels of weights as published; other weights of these models carry a checksum, and nobody stated their licence.
PUBLISHED = re.compile(r"sam_lite-\d+|sam_vit_b_01ec64|sam_vit_l_0b3195|sam_vit_h_4b8939|mobile_sam")


def number_versions(apps: Any, schema_editor: Any) -> None:
    """Number each model's versions: as their labels say (18 of sam_lite-18), then in the order in which they came."""
    rows = list(apps.get_model("inference", "ModelVersion").objects.order_by("created_at", "id"))
    said = {row.pk: re.fullmatch(rf"{re.escape(row.name)}-(\d{{1,6}})", row.version) for row in rows}
    highest: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: said[row.pk] is None):
        own = said[row.pk]
        row.number = int(own[1]) if own else highest.get(row.name, 0) + 1
        highest[row.name] = max(highest.get(row.name, 0), row.number)
        if PUBLISHED.fullmatch(row.version):
            row.data_licence = DATA.get(row.name, "")
        elif row.name in DATA:
            row.weights_licence = ""
        row.save(update_fields=["number", "data_licence", "weights_licence"])


def keep_default(apps: Any, schema_editor: Any) -> None:
    """The newest version of DEFAULT_MODEL was the default; from now on it is because that was decided."""
    row = apps.get_model("inference", "ModelVersion").objects.filter(name=settings.DEFAULT_MODEL)
    newest = row.order_by("-created_at", "-id").first()
    if newest is not None:
        apps.get_model("inference", "DefaultDecision").objects.create(version=newest)


class Migration(migrations.Migration):
    dependencies = [("inference", "0003_versions_and_the_default")]

    operations = [
        migrations.RunPython(number_versions, migrations.RunPython.noop),
        migrations.RunPython(keep_default, migrations.RunPython.noop),
    ]
