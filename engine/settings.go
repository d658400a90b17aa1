package engine

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"pitwall/engine/access"
	"pitwall/engine/front"
)

// Setting is one of the settings, as it may be shown: secrets are not in it.
type Setting struct {
	Name  string `json:"name"` // of the environment variable
	Flag  string `json:"flag"` // without its dashes
	Value string `json:"value"`
}

// Settings lists all settings in the order of their fields, which is that of
// --help. A field is secret by its type: Secret or SecretURL.
func (c *Config) Settings() (list []Setting) {
	walk(reflect.ValueOf(c).Elem(), func(f reflect.StructField, v reflect.Value) {
		list = append(list, Setting{Name: f.Tag.Get("env"), Flag: f.Tag.Get("name"), Value: shown(v)})
	})
	return list
}

// walk calls f for every field that can be set.
func walk(v reflect.Value, f func(reflect.StructField, reflect.Value)) {
	for i := range v.NumField() {
		switch field := v.Type().Field(i); {
		case field.Anonymous:
			walk(v.Field(i), f)
		case field.IsExported():
			f(field, v.Field(i))
		}
	}
}

// shown is a value as it is written in the environment.
func shown(v reflect.Value) string {
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = fmt.Sprint(v.Index(i).Interface())
	}
	return strings.Join(parts, ",")
}

// Examine checks what a start would check before it opens anything: the
// values, and the files that they name.
func (c *Config) Examine() error {
	if err := c.Validate(); err != nil {
		return err
	}
	_, errJWT := c.jwtSecret()
	_, errLink := c.linkSecret()
	errs := []error{errJWT, errLink}
	if c.JWTPublicKeyFile != "" {
		keys, err := readSetting("JWT_PUBLIC_KEY_FILE", c.JWTPublicKeyFile)
		if err == nil {
			if _, err = access.ParseKeys(keys); err != nil {
				err = fmt.Errorf("JWT_PUBLIC_KEY_FILE holds %w", err)
			}
		}
		errs = append(errs, err)
	}
	if c.TLSCertFile != "" {
		errs = append(errs, front.CheckCertificate(c.TLSCertFile, c.TLSKeyFile))
	}
	return errors.Join(errs...)
}
