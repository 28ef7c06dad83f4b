# SPDX-License-Identifier: Apache-2.0
"""How Alembic runs a migration here: on the connection that `engine.migrate` hands over, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True, transactional_ddl=True)
context.run_migrations()
