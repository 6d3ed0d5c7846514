package main

import (
	"fmt"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

func latencyResult(rate float64, orders int, small, full, idle *steady, rounds []ratios) Result {
	many := fmt.Sprintf("%d orders", orders)
	row := func(what string, a, b time.Duration, of func(ratios) float64) Row {
		var values []float64
		for _, r := range rounds {
			values = append(values, of(r))
		}
		return Row{What: what + ", with " + many + " in the tables against few", Figure: inMilliseconds(a), Baseline: inMilliseconds(b),
			Ratio: median(values), Target: atMost(1.2)}
	}
	latencies := Table{
		Title: "At half of the accept rate",
		Note: fmt.Sprintf("An open loop of %.0f orders a second: half of what is accepted while reserve-stock works on the queue, on the same cores. *Accepted*: until the answer 202. *Reserved*: from the answer 202 until the event `order.reserved` has come, which is sent after the commit.", rate) +
			" *Sent late* is the generator's own delay, which is part of the first.",
		Head: []string{"tables", "orders", "accepted p50", "p99", "p99.9", "reserved p50", "p99", "p99.9", "sent late p50", "p99"},
	}
	for _, one := range []struct {
		name string
		s    *steady
	}{{"few orders", small}, {many, full}} {
		cells := []string{one.name, fmt.Sprint(one.s.orders)}
		for _, h := range []*histogram{one.s.accept, one.s.reserve} {
			cells = append(cells, inMilliseconds(h.at(50)), inMilliseconds(h.at(99)), inMilliseconds(h.at(99.9)))
		}
		latencies.Rows = append(latencies.Rows, append(cells, inMilliseconds(one.s.late.at(50)), inMilliseconds(one.s.late.at(99))))
	}
	return Result{
		Rows: []Row{
			row("accepted p50", full.accept.at(50), small.accept.at(50), func(r ratios) float64 { return r.accept50 }),
			row("accepted p99", full.accept.at(99), small.accept.at(99), func(r ratios) float64 { return r.accept99 }),
			row("reserved p50", full.reserve.at(50), small.reserve.at(50), func(r ratios) float64 { return r.reserve50 }),
			row("reserved p99", full.reserve.at(99), small.reserve.at(99), func(r ratios) float64 { return r.reserve99 }),
		},
		Tables: []Table{latencies, processorTable(small, full, idle, many)},
		Plots:  []Plot{latencyPlot(small, full, many), processorPlot(small)},
	}
}

// perOrder is processor time in microseconds.
func perOrder(used time.Duration, orders int) float64 {
	return float64(used.Microseconds()) / float64(max(orders, 1))
}

func processorTable(small, full, idle *steady, many string) Table {
	t := Table{
		Title: "Processor time of an order, by process",
		Note:  "From the request to the reserved order, at half of the accept rate; what runs anyway (timers, sweeps, the log) is in it. At this rate every process sleeps and is woken for each order, which costs more than the work; the last column is the same for calls that do nothing.",
		Head:  []string{"process", "µs an order, few orders", "µs an order, " + many, "µs a call that does nothing, at the same rate"},
	}
	var sums [3]float64
	for _, name := range small.used.names() {
		a, b, c := perOrder(small.used[name], small.orders), perOrder(full.used[name], full.orders), perOrder(idle.used[name], idle.orders)
		if name != generatorPart {
			sums[0], sums[1], sums[2] = sums[0]+a, sums[1]+b, sums[2]+c
		}
		if a >= 0.5 || b >= 0.5 || c >= 0.5 {
			t.Rows = append(t.Rows, []string{name, fmt.Sprintf("%.0f", a), fmt.Sprintf("%.0f", b), fmt.Sprintf("%.0f", c)})
		}
	}
	t.Rows = append(t.Rows, []string{"**all but the load generator**", fmt.Sprintf("**%.0f**", sums[0]), fmt.Sprintf("**%.0f**", sums[1]), fmt.Sprintf("**%.0f**", sums[2])})
	return t
}

func processorPlot(small *steady) Plot {
	return Plot{Name: "processor", Title: "Processor time of an order, by process", width: 9 * vg.Inch, draw: func(p *plot.Plot) error {
		var names []string
		var values []float64
		for _, name := range small.used.names() {
			if used := perOrder(small.used[name], small.orders); used >= 1 {
				names, values = append(names, name), append(values, used)
			}
		}
		p.Y.Label.Text, p.Y.Min = "µs", 0
		p.Add(plotter.NewGrid())
		p.NominalX(names...)
		return bars(p, 0, 1, "", values)
	}}
}

func latencyPlot(small, full *steady, many string) Plot {
	return percentiles("latency", "Latency at half of the accept rate (open loop)", []line{
		{"accepted, few orders", small.accept, false}, {"accepted, " + many, full.accept, true},
		{"reserved, few orders", small.reserve, false}, {"reserved, " + many, full.reserve, true},
	})
}

// line is a histogram in a plot.
type line struct {
	name   string
	h      *histogram
	dashed bool
}

// percentiles is the usual picture of HDR histograms: the time against the part
// of the calls that took longer.
func percentiles(name, title string, lines []line) Plot {
	return Plot{Name: name, Title: title, draw: func(p *plot.Plot) error {
		p.X.Label.Text, p.Y.Label.Text = "percentile", "ms"
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		p.Legend.Top, p.Legend.YOffs = false, 3*vg.Millimeter // below the curves
		p.Add(plotter.NewGrid())
		var marks []plot.Tick
		for _, q := range []float64{0, 50, 90, 99, 99.9, 99.99} {
			marks = append(marks, plot.Tick{Value: nines(q), Label: fmt.Sprintf("%g", q)})
		}
		p.X.Tick.Marker = plot.ConstantTicks(marks)
		for i, one := range lines {
			var points plotter.XYs
			for x := 0.0; x <= nines(99.95); x += 0.02 {
				took := one.h.at(100 * (1 - math.Pow(10, -x)))
				points = append(points, plotter.XY{X: x, Y: max(milliseconds(took), 0.01)})
			}
			if err := curve(p, i, one.name, points, one.dashed); err != nil {
				return err
			}
		}
		return nil
	}}
}

// nines is how many nines a percentile has: 90 has one, 99 two.
func nines(q float64) float64 { return -math.Log10(1 - q/100) }
