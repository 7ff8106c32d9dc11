from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchange", "0002_imports_with_preview"),
    ]

    operations = [
        migrations.AddField(
            model_name="importrun",
            name="folder",
            field=models.CharField(blank=True, default="", max_length=1000),
        ),
    ]
