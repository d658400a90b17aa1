// Package config holds the settings of Pitwall: what can be set, by which
// variable and flag, the defaults, and what is allowed. No position passes
// through it. It is the first thing that runs.
//
// The fields of Config are read by kong in cmd/pitwall. Their tags are the one
// place that names, defaults, ranges and help texts stand in: --help, the table
// in the README of cmd/pitwall and the checks are all made from them. Commands
// that need less than everything embed one of its parts, such as Database.
//
// Validate checks values and how they go together, without opening anything. Its
// errors name the setting, its value and what is allowed.
//
// # Secrets
//
// A setting that is secret has the type Secret or SecretURL, which print
// themselves without it, whatever prints them. A test finds settings whose names
// say that they are secret and whose types do not.
//
// # Goroutines
//
// None. A Config is written at the start and read afterwards; nothing here
// guards it.
//
// # Caveats
//
// It imports no package of the engine above engine/internal, so that a setting
// does not depend on what uses it. What only the user of a value can check (keys,
// certificates) is checked by engine.Check.
package config
