"""The app's models are in rooms of their own now, over the same tables; what is stored under old names gets the new ones."""

from django.db import migrations

from annotator.jobs.task_names import rename_tasks

ROOMS = {
    "jobs": ("job",),
    "automatic": ("maskrun", "correctionsample"),
    "queue": ("lease", "submission", "workevent"),
    "statistics": (
        "latencysample", "activityclock", "imageparts", "imagefigures", "figuresmark", "maskfigures", "scorefigures",
    ),
}  # fmt: skip
TASKS = {
    "annotator.engine.tasks.prefill": "annotator.automatic.tasks.prefill",
    "annotator.engine.tasks.annotate_automatically": "annotator.automatic.tasks.annotate_automatically",
    "annotator.engine.tasks.embed_again": "annotator.automatic.tasks.embed_again",
    "annotator.engine.tasks.count_figures": "annotator.statistics.tasks.count_figures",
    "annotator.engine.tasks.remove_label_of_many": "annotator.annotations.tasks.remove_label_of_many",
}
# Rows that point to others go first.
GONE = (
    "correctionsample", "maskrun", "job", "lease", "submission", "workevent", "latencysample", "activityclock",
    "imageparts", "imagefigures", "figuresmark", "maskfigures", "scorefigures",
)  # fmt: skip


def rename_forwards(apps, schema_editor):
    rename_tasks(apps, TASKS)
    for room, names in ROOMS.items():
        _move_types(apps, names, old="engine", new=room)


def rename_backwards(apps, schema_editor):
    rename_tasks(apps, {new: old for old, new in TASKS.items()})
    for room, names in ROOMS.items():
        _move_types(apps, names, old=room, new="engine")


def _move_types(apps, names, *, old, new):
    types = apps.get_model("contenttypes", "ContentType").objects
    there = types.filter(app_label=new).values_list("model", flat=True)
    types.filter(app_label=old, model__in=set(names) - set(there)).update(app_label=new)


class Migration(migrations.Migration):
    dependencies = [
        ("automatic", "0001_from_engine"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_tasks_database", "0018_rename_succeeded_status"),
        ("engine", "0007_sums_of_one_dimension"),
        ("exchange", "0006_jobs_in_their_room"),
        ("jobs", "0001_from_engine"),
        ("queue", "0001_from_engine"),
        ("statistics", "0001_from_engine"),
    ]

    operations = [
        migrations.RunPython(rename_forwards, rename_backwards),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name) for name in GONE]),
    ]
