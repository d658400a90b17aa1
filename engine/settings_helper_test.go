package engine

import "github.com/alecthomas/kong"

// settings parses a command line as cmd/pitwall does, so that what is not given
// has its real default.
func settings(flags ...string) (Config, error) {
	var c Config
	k, err := kong.New(&c, kong.Name("pitwall serve"), kong.Exit(func(int) {}))
	if err != nil {
		return c, err
	}
	_, err = k.Parse(flags)
	return c, err
}
