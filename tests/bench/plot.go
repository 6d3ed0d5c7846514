package main

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Plot is a picture of the report.
type Plot struct {
	Name  string // of the file, without .png
	Title string
	draw  func(*plot.Plot) error
	width vg.Length
}

const height = 3.6 * vg.Inch

func (p Plot) write(path string) error {
	canvas := plot.New()
	canvas.Title.Text = p.Title
	canvas.Title.Padding = 3 * vg.Millimeter
	canvas.Legend.Top = true
	canvas.Legend.Padding = vg.Millimeter
	canvas.Legend.XOffs = -3 * vg.Millimeter
	canvas.BackgroundColor = color.White
	if err := p.draw(canvas); err != nil {
		return fmt.Errorf("drawing %s: %w", p.Name, err)
	}
	width := p.width
	if width == 0 {
		width = 7 * vg.Inch
	}
	if err := canvas.Save(width, height, path); err != nil {
		return fmt.Errorf("writing a plot: %w", err)
	}
	return nil
}

// shade is the n-th colour; neighbours can be told apart also without colours.
func shade(n int) color.Color {
	shades := []color.RGBA{
		{0x1f, 0x4e, 0x79, 0xff}, {0xd9, 0x7a, 0x1e, 0xff}, {0x4f, 0x9d, 0x69, 0xff}, {0x9c, 0x3d, 0x54, 0xff},
	}
	return shades[n%len(shades)]
}

// curve adds a line of points under a name.
func curve(p *plot.Plot, n int, name string, points plotter.XYs, dashed bool) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = shade(n), 1.5*vg.Millimeter/2
	if dashed {
		line.Dashes = []vg.Length{2 * vg.Millimeter, vg.Millimeter}
	}
	p.Add(line)
	p.Legend.Add(name, line)
	return nil
}

// bars adds a row of bars, the n-th of several side by side.
func bars(p *plot.Plot, n, of int, name string, values []float64) error {
	width := 10 * vg.Millimeter / vg.Length(of)
	chart, err := plotter.NewBarChart(plotter.Values(values), width)
	if err != nil {
		return err
	}
	chart.Color, chart.LineStyle.Width = shade(n), 0
	chart.Offset = width * (vg.Length(n) - vg.Length(of-1)/2)
	p.Add(chart)
	if name != "" {
		p.Legend.Add(name, chart)
	}
	return nil
}

// roundsPlot shows how steady the rates were.
func roundsPlot(empty, accepts, drains []float64) Plot {
	return Plot{Name: "accept", Title: "Rates at 64 connections, round by round", draw: func(p *plot.Plot) error {
		p.Y.Label.Text, p.X.Label.Text, p.Y.Min = "a second", "round", 0
		p.Add(plotter.NewGrid())
		var names []string
		for i := range accepts {
			names = append(names, fmt.Sprint(i+1))
		}
		p.NominalX(names...)
		for i, one := range []struct {
			name   string
			values []float64
		}{{"a function that does nothing", empty}, {"create-order accepts", accepts}, {"reserve-stock drains", drains}} {
			if err := bars(p, i, 3, one.name, one.values); err != nil {
				return err
			}
		}
		top := 0.0
		for _, v := range append(append(append([]float64{}, empty...), accepts...), drains...) {
			top = math.Max(top, v)
		}
		p.Y.Max = top * 1.35 // room for the legend
		return nil
	}}
}

// drainPlot shows a full queue being emptied, in parts of what was in it.
func drainPlot(batched, single []sample) Plot {
	return Plot{Name: "drain", Title: "A full queue, drained", draw: func(p *plot.Plot) error {
		p.X.Label.Text, p.Y.Label.Text = "seconds", "orders written and reserved"
		p.Legend.YOffs = -2 * vg.Millimeter
		p.Y.Max = float64(max(batched[len(batched)-1].orders, single[len(single)-1].orders)) * 1.3 // room for the legend
		p.Add(plotter.NewGrid())
		for i, one := range []struct {
			name    string
			samples []sample
		}{{"up to 256 orders a transaction", batched}, {"one order a transaction", single}} {
			var points plotter.XYs
			for _, s := range one.samples {
				points = append(points, plotter.XY{X: s.after.Seconds(), Y: float64(s.orders)})
			}
			if err := curve(p, i, fmt.Sprintf("%s: %.0f/s", one.name, speed(one.samples)), points, i == 1); err != nil {
				return err
			}
		}
		return nil
	}}
}

// coldPlot shows how long each function takes to start.
func coldPlot(names []string, medians []float64) Plot {
	return Plot{Name: "cold", Title: "From the start of a function to its first answer", width: 10 * vg.Inch, draw: func(p *plot.Plot) error {
		p.Y.Label.Text, p.Y.Min, p.Y.Max = "ms", 0, 110
		p.Add(plotter.NewGrid())
		p.NominalX(names...)
		limit, err := plotter.NewLine(plotter.XYs{{X: -0.5, Y: 100}, {X: float64(len(names)) - 0.5, Y: 100}})
		if err != nil {
			return err
		}
		limit.Color = shade(3)
		p.Add(limit)
		return bars(p, 0, 1, "", medians)
	}}
}
