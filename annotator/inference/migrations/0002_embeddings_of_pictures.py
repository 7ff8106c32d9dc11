from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inference", "0001_initial")]

    operations = [
        migrations.AlterField(model_name="imageembedding", name="sha256", field=models.CharField(max_length=120))
    ]
