package codec

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

func TestValidAttributesAreAccepted(t *testing.T) {
	for name, text := range map[string]string{
		"none":                                 `{}`,
		"none in white space":                  "{ \t\r\n}",
		"every kind":                           `{"a":1,"b":"x","c":true,"d":false,"e":{"__bigint":"1"},"f":{"__buffer_b64":"QUJD"}}`,
		"white space everywhere":               `{ "a" : 1 , "b" : { "__bigint" : "1" } , "c" : true }`,
		"white space after a name":             `{"a": 1,"b": true}`,
		"numbers":                              `{"a":0,"b":-0,"c":1234567,"d":12345678,"e":-1.5e-3,"f":0.1,"g":123456789012345678901234567890,"h":1e308}`,
		"names of many lengths":                `{"":1,"1234567":1,"12345678":1,"123456789":1,"123456789012345":1,"1234567890123456":1,"12345678901234567":1,"123456789012345678901234567890":1}`,
		"names with escapes":                   `{"\u0061":1,"\"":2,"ü":3,"12345678\n":4}`,
		"a name that comes twice":              `{"a":1,"a":"x"}`,
		"an empty string":                      `{"a":""}`,
		"a string with everything":             `{"a":"\u0041\ud83d\ude00ü\/"}`,
		"a negative bigint":                    `{"a":{"__bigint":"-170141183460469231731687303715884105728"}}`,
		"a bigint with zeros":                  `{"a":{"__bigint":"007"}}`,
		"a bigint with escapes":                `{"a":{"__bigint":"\u0031\u0032"}}`,
		"a tag with escapes":                   `{"a":{"\u005f_bigin\u0074":"12"}}`,
		"an empty buffer":                      `{"a":{"__buffer_b64":""}}`,
		"padded buffers":                       `{"a":{"__buffer_b64":"QQ=="},"b":{"__buffer_b64":"QUI="}}`,
		"bits after the last byte of a buffer": `{"a":{"__buffer_b64":"QR=="}}`,
		"escaped slashes":                      `{"a":{"__buffer_b64":"\/\/\/\/"}}`,
		"null":                                 `{"a":null,"b": null }`,
		"lists":                                `{"a":[],"inregions":["Home"],"b":[1,[null,{"c":"x"}]]}`,
		"an empty object":                      `{"a":{},"b":{ }}`,
		"an object without a tag":              `{"a":{"b":"1"}}`,
		"nested attributes":                    `{"a":{"b":{"__bigint":"1"}}}`,
		"a tagged form deeper down":            `{"a":[{"__bigint":"x"}]}`,
		"a bigint and another member":          `{"a":{"__bigint":"x","b":1}}`,
		"a bigint twice":                       `{"a":{"__bigint":"1","__bigint":"1"}}`,
		"a longer name than the tag":           `{"a":{"__bigints":"1"}}`,
		"a truncated tag":                      `{"a":{"__bigin":"1"}}`,
		"a truncated tag with an escape":       `{"a":{"\u005f_bigin":"1"}}`,
		"nested as deep as allowed":            `{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, after := range []string{"", ",", strings.Repeat(" ", 20)} {
				if end, reason := attributes(text+after, 0, 1); reason != 0 || end != len(text) {
					t.Errorf("%s: byte %d, %v", text, end, reason)
				}
			}
			if p, left, ok := oracle(DefaultLimits(), testArrival, 0, flatWith("attributes", text)); !ok || left != 0 || string(p.Attributes) != text {
				t.Errorf("%s: the oracle leaves out attributes: %v", text, p)
			}
		})
	}
}

func TestInvalidAttributesAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		text   string
		reason Reason
	}{
		"a bigint as null":              {`{"a":{"__bigint":null}}`, ReasonAttribute},
		"a bigint in a list":            {`{"a":{"__bigint":["1"]}}`, ReasonAttribute},
		"NUL deeper down":               {`{"a":[{"b":"\u0000"}]}`, ReasonText},
		"NUL in a name deeper down":     {`{"a":[{"\u0000":1}]}`, ReasonText},
		"too large deeper down":         {`{"a":{"b":[1e309]}}`, ReasonNumber},
		"nested too deep":               {`{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, ReasonJSON},
		"a list that is not closed":     {`{"a":[1}`, ReasonJSON},
		"a bigint as number":            {`{"a":{"__bigint":1}}`, ReasonAttribute},
		"an empty bigint":               {`{"a":{"__bigint":""}}`, ReasonAttribute},
		"a bigint without digits":       {`{"a":{"__bigint":"-"}}`, ReasonAttribute},
		"a bigint with a plus":          {`{"a":{"__bigint":"+1"}}`, ReasonAttribute},
		"a bigint with a fraction":      {`{"a":{"__bigint":"1.0"}}`, ReasonAttribute},
		"a bigint in hex":               {`{"a":{"__bigint":"0x1"}}`, ReasonAttribute},
		"a bigint in white space":       {`{"a":{"__bigint":" 1"}}`, ReasonAttribute},
		"a bigint with a late sign":     {`{"a":{"__bigint":"1-1"}}`, ReasonAttribute},
		"a bigint of Arabic digits":     {`{"a":{"__bigint":"١"}}`, ReasonAttribute},
		"a buffer without padding":      {`{"a":{"__buffer_b64":"QQ"}}`, ReasonAttribute},
		"a buffer with short padding":   {`{"a":{"__buffer_b64":"QQ="}}`, ReasonAttribute},
		"a buffer of padding alone":     {`{"a":{"__buffer_b64":"===="}}`, ReasonAttribute},
		"a buffer with long padding":    {`{"a":{"__buffer_b64":"Q==="}}`, ReasonAttribute},
		"padding inside":                {`{"a":{"__buffer_b64":"QQ==QUJD"}}`, ReasonAttribute},
		"padding inside one group":      {`{"a":{"__buffer_b64":"Q=Q="}}`, ReasonAttribute},
		"a buffer for URLs":             {`{"a":{"__buffer_b64":"_-8="}}`, ReasonAttribute},
		"a buffer with a line break":    {`{"a":{"__buffer_b64":"QUJD\n"}}`, ReasonAttribute},
		"four line breaks":              {`{"a":{"__buffer_b64":"\n\n\n\n"}}`, ReasonAttribute},
		"a word":                        {`{"a":nope}`, ReasonAttribute},
		"no value":                      {`{"a":}`, ReasonAttribute},
		"a string instead of an object": {`"a"`, ReasonAttribute},
		"the end":                       {`{`, ReasonJSON},
		"the end after a name":          {`{"a"`, ReasonJSON},
		"the end after a comma":         {`{"a":1,`, ReasonJSON},
		"the end in a tagged form":      {`{"a":{"__bigint":"1"`, ReasonJSON},
		"a comma too many":              {`{"a":1,}`, ReasonJSON},
		"a number with a zero":          {`{"a":01,"b":1234567}`, ReasonNumber},
		"a long number with a zero":     {`{"a":012345678}`, ReasonNumber},
		"a minus sign alone":            {`{"a":-}`, ReasonNumber},
		"a number beyond float64":       {`{"a":-1e309}`, ReasonNumber},
		"NUL in a name":                 {`{"\u0000":1}`, ReasonText},
		"NUL in a value":                {`{"a":"\u0000"}`, ReasonText},
		"NUL in a tagged form":          {`{"a":{"__bigint":"\u0000"}}`, ReasonText},
	} {
		t.Run(name, func(t *testing.T) {
			if end, reason := attributes(tt.text, 0, 1); reason != tt.reason || end > len(tt.text) {
				t.Errorf("%s: byte %d, %v, want %v", tt.text, end, reason, tt.reason)
			}
		})
	}
}

func TestAllYieldsEveryKind(t *testing.T) {
	text := Attributes(`{"n":-1.5e1, "s":"a\u0041\n", "t":true,"f":false,"i":{ "__bigint" : "-9007199254740993" },"b":{"__buffer_b64":"q83v\/w=="},"\u00e4":"","n":2,"z":null,"l":[1, "x"],"o":{"__bigint":"1","x":2}}`)
	var got []string
	for name, v := range text.All() {
		switch v.Kind() {
		case AttributeNumber:
			f, ok := v.Number()
			got = append(got, fmt.Sprint(name, f, ok))
		case AttributeString:
			s, ok := v.Text()
			got = append(got, fmt.Sprintf("%s%q%t", name, s, ok))
		case AttributeBool:
			b, ok := v.Bool()
			got = append(got, fmt.Sprint(name, b, ok))
		case AttributeBigInt:
			i, ok := v.BigInt()
			got = append(got, fmt.Sprint(name, i, ok))
		case AttributeBuffer:
			b, ok := v.Buffer()
			got = append(got, fmt.Sprintf("%s%x%t", name, b, ok))
		case AttributeNull, AttributeList, AttributeObject:
			got = append(got, fmt.Sprint(name, v.Kind()-AttributeNull, v.JSON()))
		}
	}
	want := `n-15 true s"aA\n"true ttrue true ffalse true i-9007199254740993 true babcdefff` + `true ä""true n2 true z0null l1[1, "x"] o2{"__bigint":"1","x":2}`
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	count := 0
	for range text.All() {
		if count++; count == 2 {
			break
		}
	}
	if count != 2 {
		t.Errorf("the iteration went on after a break: %d attributes", count)
	}
}

func TestAccessorsRefuseOtherKinds(t *testing.T) {
	kinds := map[AttributeKind]AttributeValue{0: {}}
	for _, v := range Attributes(`{"n":1,"s":"true","b":true,"i":{"__bigint":"1"},"x":{"__buffer_b64":""},"z":null,"l":[],"o":{}}`).All() {
		kinds[v.Kind()] = v
	}
	if len(kinds) != 9 {
		t.Fatalf("%d kinds, want 9", len(kinds))
	}
	for kind, v := range kinds {
		_, number := v.Number()
		_, text := v.Text()
		_, boolean := v.Bool()
		_, bigint := v.BigInt()
		_, buffer := v.Buffer()
		for of, ok := range map[AttributeKind]bool{AttributeNumber: number, AttributeString: text, AttributeBool: boolean, AttributeBigInt: bigint, AttributeBuffer: buffer} {
			if ok != (of == kind) {
				t.Errorf("the accessor of kind %d accepts kind %d: %t", of, kind, ok)
			}
		}
	}
}

func TestAllEndsAtTheFirstFault(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,"b":nul}`, `{"a":1,"b":{"__bigint":1}}`, `{"a":1,"b":[}`, `{"a":1 "b":2}`} {
		count := 0
		for name, v := range Attributes(text).All() {
			if f, _ := v.Number(); name != "a" || f != 1 {
				t.Errorf("%q yields %s = %v", text, name, v)
			}
			count++
		}
		if count > 1 {
			t.Errorf("%q yields %d attributes, want at most 1", text, count)
		}
	}
}

func TestBuffersAndBigIntsReadBack(t *testing.T) {
	for n := range 40 {
		data := bytes.Repeat([]byte{0xfb, 0x3f, byte(n)}, n)[:n]
		number := new(big.Int).SetBytes(data)
		text := fmt.Sprintf(`{"b":{"__buffer_b64":%q},"i":{"__bigint":"-%s"}}`, base64.StdEncoding.EncodeToString(data), number)
		p := mustDecode(t, payloadRecord(minimal(`"attributes":`+text)))
		for _, v := range p.Attributes.All() {
			if b, ok := v.Buffer(); ok && !bytes.Equal(b, data) {
				t.Errorf("buffer %x, want %x", b, data)
			}
			if i, ok := v.BigInt(); ok && i.CmpAbs(number) != 0 {
				t.Errorf("integer %s, want -%s", i, number)
			}
		}
	}
}
