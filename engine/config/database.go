package config

import (
	"log/slog"

	"pitwall/engine/internal/db"
)

// Database says which database to use. Most commands other than serve need nothing
// else.
type Database struct {
	DatabaseURL           SecretURL `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL 13 or later. Unset: an embedded SQLite file."`
	DatabaseURLFile       string    `name:"database-url-file" env:"DATABASE_URL_FILE" help:"File that holds DATABASE_URL instead."`
	DatabaseDirectURL     SecretURL `name:"database-direct-url" env:"DATABASE_DIRECT_URL" placeholder:"URL" help:"The same database without a pooler such as PgBouncer, for LISTEN, migrations, detaching months and the check of AUTHZ_SQL. Unset: DATABASE_URL."`
	DatabaseDirectURLFile string    `name:"database-direct-url-file" env:"DATABASE_DIRECT_URL_FILE" help:"File that holds DATABASE_DIRECT_URL instead."`
	DataDir               string    `name:"data-dir" env:"DATA_DIR" default:"data" help:"Folder of the embedded database."`
	NotifyTriggers        bool      `name:"notify-triggers" env:"NOTIFY_TRIGGERS" default:"true" negatable:"" help:"Migrations put triggers on the roster tables, so that changes are seen at once."`
}

// Pools sizes the two pools of connections that serve has to PostgreSQL.
type Pools struct {
	DatabaseArchiveURL     SecretURL `name:"database-archive-url" env:"DATABASE_ARCHIVE_URL" placeholder:"URL" help:"The same database for the archive, such as a second alias of PgBouncer with sessions of its own. Unset: DATABASE_URL."`
	DatabaseArchiveURLFile string    `name:"database-archive-url-file" env:"DATABASE_ARCHIVE_URL_FILE" help:"File that holds DATABASE_ARCHIVE_URL instead."`
	DatabaseConns          int       `name:"database-connections" env:"DATABASE_CONNECTIONS" default:"0" range:"0 to 1000" help:"Most connections to DATABASE_URL, for roster, access, corrections and the start. 0: pool_max_conns of the URL, or the larger of 4 and the number of CPUs."`
	DatabaseArchiveConns   int       `name:"database-archive-connections" env:"DATABASE_ARCHIVE_CONNECTIONS" default:"0" range:"0 to 1000" help:"Most connections of the archive, in addition to those. 0: pool_max_conns of its URL, or 4. With a pooler, fewer than it has sessions for this database and user."`
}

// DatabaseOptions returns the settings as db.Open takes them.
func (c *Database) DatabaseOptions(log *slog.Logger) db.Options {
	return db.Options{
		URL: string(c.DatabaseURL), DirectURL: string(c.DatabaseDirectURL), DataDir: c.DataDir,
		NoTriggers: !c.NotifyTriggers, Logger: log,
	}
}

// DatabaseOptions returns those of serve, with the sizes of its two pools.
func (c *Config) DatabaseOptions(log *slog.Logger) db.Options {
	o := c.Database.DatabaseOptions(log)
	o.ArchiveURL, o.Conns, o.ArchiveConns = string(c.DatabaseArchiveURL), c.DatabaseConns, c.DatabaseArchiveConns
	return o
}
