package main

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/admin"
	"pitwall/engine/config"
)

// partitionCmd holds the commands for the monthly partitions of positions.
type partitionCmd struct {
	Enable partitionEnableCmd `cmd:"" help:"Turn the empty table positions into one with monthly partitions."`
	Ensure partitionEnsureCmd `cmd:"" help:"Create the missing partitions, as serve does every hour."`
}

type partitionEnableCmd struct{ config.Database }

// Run enables partitions.
func (c *partitionEnableCmd) Run(ctx context.Context) error {
	defer working("enabling partitions")()
	return admin.EnablePartitions(ctx, c.Database, quiet(), stdout)
}

type partitionEnsureCmd struct {
	config.Database
	From   string `name:"from" help:"The first month, such as 2026-11. Unset: the current month, in UTC."`
	Months int    `name:"months" default:"2" help:"Number of months after it."`
}

// Validate checks everything that the types do not express. kong calls it.
func (c *partitionEnsureCmd) Validate() error {
	if c.Months < 0 || c.Months > 1200 {
		return fmt.Errorf("--months is %d, allowed is 0 to 1200", c.Months)
	}
	_, err := c.first()
	return err
}

// first returns the first month, zero for the current one.
func (c *partitionEnsureCmd) first() (time.Time, error) {
	if c.From == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse("2006-01", c.From)
	if err != nil {
		return t, fmt.Errorf("--from is %q, allowed is a month such as 2026-11", c.From)
	}
	return t, nil
}

// Run creates the missing partitions.
func (c *partitionEnsureCmd) Run(ctx context.Context) error {
	from, err := c.first()
	if err != nil {
		return err
	}
	defer working("creating partitions")()
	return admin.EnsurePartitions(ctx, c.Database, from, c.Months, quiet(), stdout)
}
