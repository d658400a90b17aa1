package main

import (
	"context"
	"errors"

	"pitwall/engine/admin"
	"pitwall/engine/config"
)

// deadCmd are the commands on dead letters.
type deadCmd struct {
	List   deadListCmd   `cmd:"" help:"List them: stream, source id, reason, error."`
	Show   deadShowCmd   `cmd:"" help:"Show some with the fields that they came with."`
	Replay deadReplayCmd `cmd:"" help:"Add some to their stream again, with the time that they first came at, and drop them."`
	Drop   deadDropCmd   `cmd:"" help:"Throw some away."`
}

// deadFilter is what all of them have.
type deadFilter struct {
	config.Streams
	Stream string `name:"stream" help:"Only those of this stream."`
	Reason string `name:"reason" help:"Only those of this reason, such as ts_conflict."`
}

// deadChoice is what those have that do something: letters by name, or all.
type deadChoice struct {
	deadFilter
	IDs []string `arg:"" optional:"" name:"id" help:"Source ids, as list shows them. One that letters of several streams have is named stream/id, or with --stream."`
	All bool     `name:"all" help:"All of them (of the stream and the reason, if they are given)."`
}

// Validate lets nobody mean everything by accident. kong calls it.
func (c *deadChoice) Validate() error {
	if c.All == (len(c.IDs) > 0) {
		return errors.New("say which: source ids, or --all")
	}
	return nil
}

func (c *deadChoice) selection() admin.DeadSelection {
	return admin.DeadSelection{Stream: c.Stream, Reason: c.Reason, IDs: c.IDs}
}

type deadListCmd struct{ deadFilter }

// Run lists.
func (c *deadListCmd) Run(ctx context.Context) error {
	return admin.DeadList(ctx, c.Streams, admin.DeadSelection{Stream: c.Stream, Reason: c.Reason}, quiet(), stdout)
}

type deadShowCmd struct{ deadChoice }

// Run shows.
func (c *deadShowCmd) Run(ctx context.Context) error {
	return admin.DeadShow(ctx, c.Streams, c.selection(), quiet(), stdout)
}

type deadReplayCmd struct{ deadChoice }

// Run replays.
func (c *deadReplayCmd) Run(ctx context.Context) error {
	return admin.DeadReplay(ctx, c.Streams, c.selection(), quiet(), stdout)
}

type deadDropCmd struct{ deadChoice }

// Run drops.
func (c *deadDropCmd) Run(ctx context.Context) error {
	return admin.DeadDrop(ctx, c.Streams, c.selection(), quiet(), stdout)
}
