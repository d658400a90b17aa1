package main

import (
	"context"

	"pitwall/engine/admin/monitor"
)

type statusCmd struct {
	monitor.Target
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints what a running process does.
func (c *statusCmd) Run(ctx context.Context) error {
	return monitor.Status(ctx, c.Target, c.JSON, stdout)
}
