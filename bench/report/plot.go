package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// Size of a plot, and of the margins for its labels, in units of the SVG.
const (
	plotWidth, plotHeight            = 560.0, 260.0
	marginLeft, marginRight          = 64.0, 22.0
	marginTop, marginBottom, legendH = 28.0, 40.0, 14.0
)

// colours of the lines. People who cannot tell red from green can tell them
// apart.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#666666"}

type xy struct{ x, y float64 }

// line is one line of a plot.
type line struct {
	name   string
	points []xy
}

// plot draws lines over time or over percentiles.
type plot struct {
	title, x, y string
	lines       []line
	percentiles bool // the x axis stretches towards 100, as HdrHistogram plots do
}

// place maps a value of the x axis to a position, from 0 upwards.
func (p plot) place(x float64) float64 {
	if p.percentiles {
		return math.Log10(100 / max(100-x, 0.001))
	}
	return x
}

// svg draws the plot. It omits lines that are always 0.
func (p plot) svg() template.HTML {
	var used []line
	maxX, maxY := 0.0, 0.0
	for _, l := range p.lines {
		top := 0.0
		for _, v := range l.points {
			maxX, top = max(maxX, p.place(v.x)), max(top, v.y)
		}
		if top > 0 {
			used = append(used, l)
		}
		maxY = max(maxY, top)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, plotWidth, plotHeight, html.EscapeString(p.title))
	fmt.Fprintf(&b, `<text x="%g" y="16" class="title">%s</text>`, marginLeft, html.EscapeString(p.title))
	if len(used) == 0 || maxX == 0 {
		fmt.Fprintf(&b, `<text x="%g" y="%g">nothing to show</text></svg>`, marginLeft, plotHeight/2)
		return template.HTML(b.String())
	}
	step := niceStep(maxY)
	maxY = math.Ceil(maxY/step) * step
	at := func(v xy) (x, y float64) {
		return marginLeft + (plotWidth-marginLeft-marginRight)*p.place(v.x)/maxX,
			plotHeight - marginBottom - (plotHeight-marginTop-marginBottom)*v.y/maxY
	}
	p.axes(&b, at, step, maxX, maxY)
	legend := marginLeft
	for i, l := range used {
		colour := colours[i%len(colours)]
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.6" points="`, colour)
		for _, v := range l.points {
			x, y := at(v)
			fmt.Fprintf(&b, "%.1f,%.1f ", x, y)
		}
		b.WriteString(`"/>`)
		fmt.Fprintf(&b, `<text x="%g" y="%g" fill="%s">%s</text>`, legend, plotHeight-4, colour, html.EscapeString(l.name))
		legend += 7.5*float64(len(l.name)) + legendH
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// axes draws the grid with its labels.
func (p plot) axes(b *strings.Builder, at func(xy) (x, y float64), step, maxX, maxY float64) {
	for v := 0.0; v <= maxY*1.0001; v += step {
		_, y := at(xy{0, v})
		fmt.Fprintf(b, `<line x1="%g" x2="%g" y1="%.1f" y2="%.1f" class="grid"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`,
			marginLeft, plotWidth-marginRight, y, y, marginLeft-6, y+4, axisNumber(v))
	}
	fmt.Fprintf(b, `<text x="4" y="16">%s</text>`, html.EscapeString(p.y))
	ticks := []float64{0, 90, 99, 99.9, 99.99, 99.999}
	if !p.percentiles {
		ticks = nil
		for v, s := 0.0, niceStep(maxX); v <= maxX*1.0001; v += s {
			ticks = append(ticks, v)
		}
	}
	for _, v := range ticks {
		if p.place(v) > maxX*1.0001 {
			break
		}
		x, _ := at(xy{v, 0})
		fmt.Fprintf(b, `<text x="%.1f" y="%g" text-anchor="middle">%g</text>`, x, plotHeight-marginBottom+16, v)
	}
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="end">%s</text>`, plotWidth-marginRight, plotHeight-4, html.EscapeString(p.x))
}

// niceStep is the distance between the labels of an axis that ends at most: 1, 2
// or 5 times a power of ten, and at most about five labels.
func niceStep(most float64) float64 {
	if most <= 0 {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, f := range []float64{1, 2, 5} {
		if most/(base*f) <= 5 {
			return base * f
		}
	}
	return base * 10
}

// axisNumber writes a label: 2k, 1.5M.
func axisNumber(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", math.Round(v/1e4)/100)
	case v >= 1e3:
		return fmt.Sprintf("%gk", math.Round(v/10)/100)
	}
	return fmt.Sprintf("%g", math.Round(v*1000)/1000)
}
