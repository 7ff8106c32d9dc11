from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inference", "0004_number_versions")]

    operations = [
        migrations.AlterField(model_name="modelversion", name="number", field=models.PositiveIntegerField()),
        migrations.AddConstraint(
            model_name="modelversion",
            constraint=models.UniqueConstraint(fields=["name", "number"], name="model_number_once"),
        ),
    ]
