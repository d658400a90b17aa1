package config

import (
	"fmt"
	"reflect"
	"strings"
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

// shown is a value as one writes it in the environment.
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
