package main

import (
	"context"
	"io"

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
	return working("migrating the database", func(out io.Writer) error {
		return admin.MigrateUp(ctx, c.Database, quiet(), out)
	})
}

// Run lists the migrations.
func (c *migrateStatusCmd) Run(ctx context.Context) error {
	return admin.MigrateStatus(ctx, c.Database, quiet(), stdout)
}
