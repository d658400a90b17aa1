package main

import (
	"time"

	"pitwall/engine/admin"
)

type sizeCmd struct {
	Spectators int           `name:"spectators" default:"1000" help:"Spectators at the same time."`
	Devices    int           `name:"devices" default:"200" help:"Devices that send, over all events."`
	Rate       float64       `name:"rate" default:"1" help:"Records per second of one device, such as 0.2 for one in 5 s."`
	Events     int           `name:"events" default:"1" help:"Events, among which devices and spectators divide evenly."`
	Window     time.Duration `name:"window" default:"100ms" help:"Least time between two flushes of an event, as LIVE_FLUSH_MS."`
	NoArchive  bool          `name:"no-archive" help:"Positions are not written to the database."`
}

// Run prints the forecast.
func (c *sizeCmd) Run() error {
	return admin.PrintSize(admin.Load{
		Spectators: c.Spectators, Devices: c.Devices, Rate: c.Rate, Events: c.Events, Window: c.Window, Archive: !c.NoArchive,
	}, stdout)
}
