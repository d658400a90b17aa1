package codec

// flatNumbers are the fields of shape B that are numbers, in the order of the
// bits of Fields from alt on.
var flatNumbers = [...]field{fieldLat, fieldLon, fieldAlt, fieldSpeed, fieldCourse, fieldSats}

// flat decodes shape B into p: each field is one value.
func (d *Decoder) flat(p *Position, r *record) error {
	if err := d.fieldTime(p, r); err != nil {
		return err
	}
	var v [len(flatNumbers)]float64
	for i, f := range flatNumbers {
		if r.at[f] == 0 {
			if i < 2 {
				return d.fail(ReasonMissing, fieldNames[f], 0)
			}
			continue
		}
		s := r.text(f)
		x, end, why := number(s, 0)
		if why != 0 || end != len(s) {
			return d.fail(ReasonNumber, fieldNames[f], end)
		}
		v[i] = x
		if i >= 2 {
			p.Has |= HasAlt << (i - 2)
		}
	}
	p.Lat, p.Lon, p.Alt, p.Speed, p.Course = v[0], v[1], v[2], v[3], v[4]
	var why Reason
	if p.Sats, why = natural(v[5]); why != 0 {
		return d.fail(why, "sats", 0)
	}
	if r.at[fieldAttributes] != 0 {
		if err := d.flatAttributes(p, r.text(fieldAttributes)); err != nil {
			return err
		}
	}
	if r.at[fieldFaulty] != 0 {
		switch r.text(fieldFaulty) {
		case "1", "true":
			p.Faulty = true
		case "0", "false":
		default:
			return d.fail(ReasonType, "faulty", 0)
		}
	}
	return d.place(p, "lat", "lon")
}

// flatAttributes checks the attributes of shape B: the text of an object, or
// null when they are absent.
func (d *Decoder) flatAttributes(p *Position, s string) error {
	i := space(s, 0)
	end, why := i+len("null"), Reason(0)
	if !null(s, i) {
		if end, why = attributes(s, i); why != 0 {
			return d.fail(why, "attributes", end)
		}
		p.Attributes = Attributes(s[i:end])
	}
	if end = space(s, end); end != len(s) {
		return d.fail(ReasonJSON, "attributes", end)
	}
	return nil
}
