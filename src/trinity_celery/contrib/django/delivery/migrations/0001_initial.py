from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="OutboxMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message", models.TextField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "backend_outbox",
            },
        ),
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=[
                ("key", models.CharField(max_length=500, primary_key=True, serialize=False)),
                ("result", models.TextField(null=True)),
                ("created_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "backend_idempotency_key",
            },
        ),
    ]
