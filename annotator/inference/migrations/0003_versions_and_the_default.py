import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inference", "0002_embeddings_of_pictures")]

    operations = [
        migrations.RenameField(model_name="modelversion", old_name="licence", new_name="weights_licence"),
        migrations.AddField(model_name="modelversion", name="number", field=models.PositiveIntegerField(default=0)),
        migrations.AddField(
            model_name="modelversion",
            name="parent",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="inference.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="training",
            field=models.CharField(
                choices=[("none", "None"), ("recipe", "Recipe"), ("project", "Project")], default="none", max_length=8
            ),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="data_licence",
            field=models.CharField(blank=True, default="", max_length=300),
            preserve_default=False,
        ),
        migrations.AddField(model_name="modelversion", name="figures", field=models.JSONField(default=dict)),
        migrations.CreateModel(
            name="DefaultDecision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("decided_at", models.DateTimeField(auto_now_add=True)),
                ("taken_back_at", models.DateTimeField(null=True)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inference.modelversion"
                    ),
                ),
            ],
            options={"ordering": ["-id"]},
        ),
        migrations.RemoveIndex(model_name="imageembedding", name="inference_i_model_v_2a2351_idx"),
        migrations.AddIndex(
            model_name="imageembedding",
            index=models.Index(fields=["model_version", "status", "crop_box", "-id"], name="embeddings_of_version"),
        ),
    ]
