package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// fileSuffix ends the name of a setting that names the file of a secret.
const fileSuffix = "_FILE"

// keyFiles are the secrets whose files ReadKeys reads, so that their lengths can be
// checked with the name of the file's setting.
var keyFiles = map[string]bool{"JWT_SECRET": true, "LINK_SECRET": true, "LINK_SECRET_PREVIOUS": true}

// ReadFiles reads the secrets that are in files, such as that of DATABASE_URL_FILE,
// into their settings. settings points to a Config or to a struct that embeds parts of
// one. Line breaks at the end of a file are left out. A secret that is set both
// directly and by a file with another content is an error, and so is an empty file.
// Calling it again changes nothing.
func ReadFiles(settings any) error {
	files := map[string]string{}
	walk(reflect.ValueOf(settings).Elem(), func(f reflect.StructField, v reflect.Value) {
		if name, isFile := strings.CutSuffix(f.Tag.Get("env"), fileSuffix); isFile && v.Kind() == reflect.String {
			files[name] = v.String()
		}
	})
	var errs []error
	walk(reflect.ValueOf(settings).Elem(), func(f reflect.StructField, v reflect.Value) {
		name := f.Tag.Get("env")
		if files[name] == "" || !isSecretType(v) || keyFiles[name] {
			return
		}
		b, err := readFile(name+fileSuffix, files[name])
		content := strings.TrimRight(string(b), "\r\n")
		switch {
		case err != nil:
			errs = append(errs, err)
		case content == "":
			errs = append(errs, fmt.Errorf("%s_FILE names an empty file", name))
		case v.String() != "" && v.String() != content:
			errs = append(errs, fmt.Errorf("%s and %[1]s_FILE are both set, allowed is one of them", name))
		default:
			v.SetString(content)
		}
	})
	return errors.Join(errs...)
}

// isSecretType reports whether a setting is a Secret or a SecretURL.
func isSecretType(v reflect.Value) bool {
	return v.Type() == reflect.TypeFor[Secret]() || v.Type() == reflect.TypeFor[SecretURL]()
}
