from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0005_model_choices"),
        ("statistics", "0001_from_engine"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="latencysample",
            index=models.Index(fields=["model_version", "kind", "-id"], name="latency_of_version"),
        ),
        migrations.AddIndex(
            model_name="latencysample",
            index=models.Index(fields=["user", "-id"], name="latency_of_person"),
        ),
        migrations.AddIndex(
            model_name="maskfigures",
            index=models.Index(fields=["grain", "model_version_id"], name="mask_figures_of_version"),
        ),
    ]
