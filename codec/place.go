package codec

// Place returns the coordinates in what AppendBody has written, in degrees. Those that are
// null or missing are NaN. It does not allocate.
func Place(body []byte) (lat, lon float64) {
	lat, lon, _ = bodyParts(alias(body))
	return lat, lon
}
