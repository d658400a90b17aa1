package main

import (
	"context"
	"errors"

	"pitwall/engine"
	"pitwall/engine/admin/doctor"
	"pitwall/engine/config"
)

// uncheckedSettings are settings without Config's method Validate, which kong would call.
type uncheckedSettings config.Config

type doctorCmd struct {
	Settings uncheckedSettings `embed:""`
	JSON     bool              `name:"json" help:"Print a JSON list of objects with severity, check, found and do."`
}

// Run examines the installation. It exits with 0 if all is fine, 1 after a warning and 2
// after an error.
func (c *doctorCmd) Run(ctx context.Context) error {
	cfg := config.Config(c.Settings)
	wrong := config.ReadFiles(&cfg)
	list := doctor.Run(ctx, &cfg, errors.Join(wrong, engine.Check(&cfg)))
	if err := doctor.Print(list, c.JSON, stdout); err != nil {
		return err
	}
	if code := doctor.Worst(list); code != 0 {
		return exitError(code)
	}
	return nil
}
