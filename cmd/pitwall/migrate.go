package main

import (
	"context"

	"pitwall/engine/admin"
	"pitwall/engine/config"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" default:"withargs" help:"Apply the pending migrations (the default)."`
	Status migrateStatusCmd `cmd:"" help:"List the applied and the pending migrations."`
}

type migrateUpCmd struct{ config.Database }

type migrateStatusCmd struct{ config.Database }

// Run applies the pending migrations.
func (c *migrateUpCmd) Run(ctx context.Context) error {
	defer working("migrating the database")()
	return admin.MigrateUp(ctx, c.Database, quiet(), stdout)
}

// Run lists the migrations.
func (c *migrateStatusCmd) Run(ctx context.Context) error {
	return admin.MigrateStatus(ctx, c.Database, quiet(), stdout)
}
