package contract_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The functions that only the trigger calls take nothing from anybody else.
func TestEventsWantTheTriggersSignature(t *testing.T) {
	t.Parallel()
	h := open(t)
	batch := header{"Content-Type", "application/cloudevents-batch+json"}
	for _, function := range []string{"reserve-stock", "settle-order"} {
		for _, signature := range []string{
			"", "x", "t=1,v1=AAAA", fmt.Sprintf("t=%d,v1=%s==", time.Now().Unix(), strings.Repeat("A", 86)),
			fmt.Sprintf("t=%d,v1=%s", time.Now().Unix(), strings.Repeat("A", 5000)),
		} {
			for _, body := range []string{"[]", `[{"specversion":"1.0","id":"1","type":"order.placed","source":"x"}]`, "", "{"} {
				h.admin(t).call(t, "POST", function, body, batch, header{"X-Bazaar-Signature", signature}).fails(t, 401, "invalid_signature")
			}
		}
		h.nobody().call(t, "POST", function, "[]").fails(t, 415, "unsupported_media_type")
		h.nobody().call(t, "POST", function, strings.Repeat(" ", 10<<20), batch).fails(t, 413, "too_large")
		h.nobody().call(t, "GET", function, nil).fails(t, 405, "method_not_allowed")
		h.nobody().call(t, "POST", function+"/x", "[]", batch).fails(t, 404, "not_found")
	}
}
