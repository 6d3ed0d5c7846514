package demo

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strconv"
	"testing"
)

// FuzzGoods: what is read of a table is all that stands in it, column by column,
// and is written again as the same table.
func FuzzGoods(f *testing.F) {
	for _, text := range []string{"sku,title,fen,units\ntea,Tea,8800,5\n", "", "a,b,c,d", "sku,title,fen,units\ntea,\"Tea, green\",-1,0\n", "a,b\n1,2\n",
		"h,h,h,h\na,b,c,d\n", "h,h,h,h\n\"a\n", "h,h,h,h\na,b,9223372036854775808,1\n", "h,h,h,h\r\na,\"\"\"\",1,1\r\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := parse(bytes.NewReader(text), 4)
		if err != nil {
			return
		}
		g, err := readGoods(table)
		if err != nil {
			return
		}
		n := len(table)
		if len(g.skus) != n || len(g.titles) != n || len(g.fen) != n || len(g.units) != n || len(g.references) != n {
			t.Fatalf("%d rows give %+v", n, g)
		}
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		if err := w.Write([]string{"sku", "title", "fen", "units"}); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if err := w.Write([]string{g.skus[i], g.titles[i], strconv.FormatInt(g.fen[i], 10), strconv.FormatInt(g.units[i], 10)}); err != nil {
				t.Fatal(err)
			}
		}
		w.Flush()
		again, err := parse(&out, 4)
		if err != nil || len(again) != n {
			t.Fatalf("%q is %q, and then %q, %v", text, table, again, err)
		}
		same, err := readGoods(again)
		if err != nil || !slices.Equal(same.skus, g.skus) || !slices.Equal(same.titles, g.titles) || !slices.Equal(same.references, g.references) {
			t.Errorf("%+v, and then %+v, %v", g, same, err)
		}
	})
}
