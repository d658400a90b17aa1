package main

import (
	"context"

	"pitwall/engine/admin/monitor"
)

type deviceCmd struct {
	monitor.Target
	ID   string `arg:"" help:"The device."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints why a device shows or does not.
func (c *deviceCmd) Run(ctx context.Context) error {
	return monitor.Device(ctx, c.Target, c.ID, c.JSON, stdout)
}
