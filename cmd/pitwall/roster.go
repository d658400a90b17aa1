package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"pitwall/engine/admin"
	"pitwall/engine/config"
)

type rosterCmd struct {
	List   rosterListCmd   `cmd:"" help:"List events, entries and devices."`
	Export rosterExportCmd `cmd:"" help:"Write the roster as a CSV file that import reads."`
	Remove rosterRemoveCmd `cmd:"" help:"Remove an event, an entry or a device from the roster."`
	Import rosterImportCmd `cmd:"" help:"Import a CSV file with the columns event_id, entry_id and device_id, separated by commas, semicolons or tabs."`
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
	defer working("importing the roster")()
	return admin.ImportRoster(ctx, c.Database, in, c.DryRun, quiet(), stdout)
}

type rosterListCmd struct {
	config.Database
	Event string `name:"event" help:"Only this event."`
}

// Run lists the roster.
func (c *rosterListCmd) Run(ctx context.Context) error {
	return admin.ListRoster(ctx, c.Database, c.Event, quiet(), stdout)
}

type rosterExportCmd struct {
	config.Database
	Event string `name:"event" help:"Only this event."`
	File  string `arg:"" optional:"" default:"-" help:"The file, which must not exist; - is standard output."`
}

// Run writes the roster.
func (c *rosterExportCmd) Run(ctx context.Context) error {
	if c.File == "-" {
		defer working("exporting the roster")()
		return admin.ExportRoster(ctx, c.Database, c.Event, quiet(), stdout, stderr)
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create the file: %w", err)
	}
	defer working("exporting the roster")()
	return errors.Join(admin.ExportRoster(ctx, c.Database, c.Event, quiet(), f, stderr), f.Close())
}

type rosterRemoveCmd struct {
	config.Database
	Event  string `name:"event" help:"This event; alone: with all its entries."`
	Entry  string `name:"entry" help:"This entry, with its devices."`
	Device string `name:"device" help:"This device, in the event or the entry that is given, otherwise in all."`
	DryRun bool   `name:"dry-run" help:"Count what would be removed, and write nothing."`
}

// Validate requires a choice, so that a forgotten flag does not remove everything. kong
// calls it.
func (c *rosterRemoveCmd) Validate() error {
	if c.Event == "" && c.Entry == "" && c.Device == "" {
		return errors.New("give --event, --entry or --device")
	}
	return nil
}

// Run removes a part of the roster.
func (c *rosterRemoveCmd) Run(ctx context.Context) error {
	defer working("removing from the roster")()
	return admin.RemoveFromRoster(ctx, c.Database, c.Event, c.Entry, c.Device, c.DryRun, quiet(), stdout)
}
