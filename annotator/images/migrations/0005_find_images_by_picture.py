from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("images", "0004_pictures_and_readings")]

    operations = [
        migrations.AddIndex(
            model_name="image",
            index=models.Index(fields=["picture"], name="images_imag_picture_4f6dc9_idx"),
        )
    ]
