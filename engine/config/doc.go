// Package config holds the settings of Pitwall: their environment variables and
// flags, defaults, ranges and help texts. It runs before everything else, and no
// position passes through it.
//
// kong fills the fields of Config in cmd/pitwall. Names, defaults, ranges and help
// texts stand in the tags of the fields and nowhere else: --help, the table in the
// README of cmd/pitwall and the checks of ranges are made from them. Commands that
// need fewer settings embed a part of Config, such as Database.
//
// Validate checks the values and their combinations without opening anything. Its
// errors name the setting, its value and what is allowed.
//
// # Secrets
//
// A setting that holds a secret has the type Secret or SecretURL. They print
// themselves without the secret, however they are printed. A test finds settings
// whose names suggest a secret and whose types do not.
//
// # Goroutines
//
// The package starts none. A Config is written at start and only read afterwards;
// no lock guards it.
//
// # Caveats
//
// The package imports only packages in engine/internal, so that a setting does not
// depend on the code that uses it. Files of keys and certificates are parsed where
// they are used; engine.Check does that without starting anything.
package config
