from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=200)),
                ("body", models.TextField(blank=True)),
                (
                    "status",
                    models.CharField(
                        choices=[("requested", "Requested"), ("built", "Built")],
                        default="requested",
                        max_length=20,
                    ),
                ),
                ("word_count", models.PositiveIntegerField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="Statistics",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reports", models.PositiveIntegerField(default=0)),
                ("refreshes", models.PositiveIntegerField(default=0)),
                ("refreshed_by", models.CharField(blank=True, max_length=200)),
                ("refreshed_from", models.CharField(blank=True, max_length=200)),
                ("refreshed_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name_plural": "statistics",
            },
        ),
    ]
