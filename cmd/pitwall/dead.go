package main

import (
	"context"
	"errors"

	"pitwall/engine/admin"
	"pitwall/engine/config"
)

// deadCmd holds the commands for dead letters.
type deadCmd struct {
	List   deadListCmd   `cmd:"" help:"List dead letters: stream, source id, reason, error."`
	Show   deadShowCmd   `cmd:"" help:"Show dead letters with the fields of their records."`
	Replay deadReplayCmd `cmd:"" help:"Add the records to their streams again, with their first arrival time, and delete the dead letters."`
	Drop   deadDropCmd   `cmd:"" help:"Delete dead letters."`
}

// deadFilter holds the flags of all these commands.
type deadFilter struct {
	config.Streams
	Stream string `name:"stream" help:"Only dead letters of this stream."`
	Reason string `name:"reason" help:"Only dead letters with this reason, such as ts_conflict."`
}

// deadChoice holds the arguments of the commands that need a selection.
type deadChoice struct {
	deadFilter
	IDs []string `arg:"" optional:"" name:"id" help:"Source ids, as dead list shows them. If letters of several streams have the same id, use stream/id or --stream."`
	All bool     `name:"all" help:"All dead letters (with --stream and --reason, all of those)."`
}

// Validate requires --all, so that a forgotten id does not select everything. kong
// calls it.
func (c *deadChoice) Validate() error {
	if c.All == (len(c.IDs) > 0) {
		return errors.New("give either source ids or --all")
	}
	return nil
}

func (c *deadChoice) selection() admin.DeadSelection {
	return admin.DeadSelection{Stream: c.Stream, Reason: c.Reason, IDs: c.IDs}
}

type deadListCmd struct{ deadFilter }

// Run lists dead letters.
func (c *deadListCmd) Run(ctx context.Context) error {
	return admin.DeadList(ctx, c.Streams, admin.DeadSelection{Stream: c.Stream, Reason: c.Reason}, quiet(), stdout)
}

type deadShowCmd struct{ deadChoice }

// Run shows dead letters.
func (c *deadShowCmd) Run(ctx context.Context) error {
	return admin.DeadShow(ctx, c.Streams, c.selection(), quiet(), stdout)
}

type deadReplayCmd struct{ deadChoice }

// Run replays dead letters.
func (c *deadReplayCmd) Run(ctx context.Context) error {
	defer working("replaying dead letters")()
	return admin.DeadReplay(ctx, c.Streams, c.selection(), quiet(), stdout)
}

type deadDropCmd struct{ deadChoice }

// Run deletes dead letters.
func (c *deadDropCmd) Run(ctx context.Context) error {
	defer working("dropping dead letters")()
	return admin.DeadDrop(ctx, c.Streams, c.selection(), quiet(), stdout)
}
