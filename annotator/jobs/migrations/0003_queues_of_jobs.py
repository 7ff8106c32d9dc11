from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_jobs_of_the_server")]

    operations = [
        migrations.AddField(model_name="job", name="queue_name", field=models.CharField(blank=True, max_length=32)),
    ]
