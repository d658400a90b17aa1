package engine

import (
	"fmt"
	"log/slog"

	"pitwall/engine/internal/db"
)

// PoolConfig sizes the two pools of connections that serve has to PostgreSQL.
type PoolConfig struct {
	DatabaseArchiveURL   SecretURL `name:"database-archive-url" env:"DATABASE_ARCHIVE_URL" placeholder:"URL" help:"The same database as the archive reaches it, such as a second alias of PgBouncer with sessions of its own. Unset: DATABASE_URL."`
	DatabaseConns        int       `name:"database-connections" env:"DATABASE_CONNECTIONS" default:"0" help:"Connections to DATABASE_URL at most, for roster, access, corrections and the start. 0: pool_max_conns of the URL, or the larger of 4 and the number of CPUs."`
	DatabaseArchiveConns int       `name:"database-archive-connections" env:"DATABASE_ARCHIVE_CONNECTIONS" default:"0" help:"Connections of the archive at most, in addition to those. 0: pool_max_conns of its URL, or 4. With a pooler, fewer than it has sessions for this database and user."`
}

func (c *PoolConfig) validatePools() (errs []error) {
	for _, r := range []struct {
		name string
		v    int
	}{{"DATABASE_CONNECTIONS", c.DatabaseConns}, {"DATABASE_ARCHIVE_CONNECTIONS", c.DatabaseArchiveConns}} {
		if r.v < 0 || r.v > 1000 {
			errs = append(errs, fmt.Errorf("%s is %d, allowed is 0 to 1000", r.name, r.v))
		}
	}
	return errs
}

// dbOptions are the settings of serve as the database's room wants them.
func (c *Config) dbOptions(log *slog.Logger) db.Options {
	o := c.DatabaseConfig.dbOptions(log)
	o.ArchiveURL, o.Conns, o.ArchiveConns = string(c.DatabaseArchiveURL), c.DatabaseConns, c.DatabaseArchiveConns
	return o
}
