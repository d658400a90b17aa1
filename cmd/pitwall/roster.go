package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"pitwall/engine/admin"
	"pitwall/engine/config"
)

type rosterCmd struct {
	Import rosterImportCmd `cmd:"" help:"Import a CSV file with the columns event_id, entry_id and device_id."`
}

type rosterImportCmd struct {
	config.Database
	File   string `arg:"" help:"The file; - is standard input."`
	DryRun bool   `name:"dry-run" help:"Check the file and write nothing."`
}

// Run imports a roster.
func (c *rosterImportCmd) Run(ctx context.Context) error {
	var in io.Reader = os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("open the roster: %w", err)
		}
		defer f.Close()
		in = f
	}
	return admin.ImportRoster(ctx, c.Database, in, c.DryRun, quiet(), stdout)
}
