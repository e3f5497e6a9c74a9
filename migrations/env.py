"""Alembic's environment: run by `api.setup.migrate`, which hands in the owner's connection."""

from alembic import context

from models.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, compare_type=True, compare_server_default=False)
with context.begin_transaction():
    context.run_migrations()
