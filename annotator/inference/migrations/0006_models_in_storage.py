from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inference", "0005_one_number_each")]

    operations = [
        migrations.AddField(model_name="modelversion", name="files", field=models.JSONField(default=list)),
        migrations.AddField(
            model_name="workerpulse",
            name="host",
            field=models.CharField(blank=True, max_length=255, default=""),
            preserve_default=False,
        ),
        migrations.AddField(model_name="workerpulse", name="lacking", field=models.JSONField(default=dict)),
    ]
