package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Setting is a setting as it may be printed, with secrets redacted.
type Setting struct {
	Name  string `json:"name"` // of the environment variable
	Flag  string `json:"flag"` // without its dashes
	Value string `json:"value"`
}

// Settings lists all settings in the order of --help. Values of the types Secret and
// SecretURL are redacted.
func (c *Config) Settings() (list []Setting) {
	walk(reflect.ValueOf(c).Elem(), func(f reflect.StructField, v reflect.Value) {
		list = append(list, Setting{Name: f.Tag.Get("env"), Flag: f.Tag.Get("name"), Value: printed(v)})
	})
	return list
}

// Changed returns the names of the settings whose values differ.
func Changed(a, b *Config) (names []string) {
	values := map[string]any{}
	walk(reflect.ValueOf(a).Elem(), func(f reflect.StructField, v reflect.Value) { values[f.Tag.Get("env")] = v.Interface() })
	walk(reflect.ValueOf(b).Elem(), func(f reflect.StructField, v reflect.Value) {
		if name := f.Tag.Get("env"); !reflect.DeepEqual(values[name], v.Interface()) {
			names = append(names, name)
		}
	})
	return names
}

// walk calls f for every setting, in the order of the fields.
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

// printed returns a value as it is written in the environment.
func printed(v reflect.Value) string {
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = fmt.Sprint(v.Index(i).Interface())
	}
	return strings.Join(parts, ",")
}
