package shard

// orphans are the devices of a shard that take part in no event, the one that was heard
// of longest ago first.
type orphans struct {
	oldest, newest *device
	n              int
}

func (o *orphans) push(d *device) {
	d.older, d.newer = o.newest, nil
	if o.newest != nil {
		o.newest.newer = d
	} else {
		o.oldest = d
	}
	o.newest = d
	o.n++
}

func (o *orphans) remove(d *device) {
	if d.older != nil {
		d.older.newer = d.newer
	} else {
		o.oldest = d.newer
	}
	if d.newer != nil {
		d.newer.older = d.older
	} else {
		o.newest = d.older
	}
	d.older, d.newer = nil, nil
	o.n--
}

func (o *orphans) touch(d *device) {
	if o.newest != d {
		o.remove(d)
		o.push(d)
	}
}
