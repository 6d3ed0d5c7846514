package trigger

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBind(t *testing.T) {
	t.Parallel()
	b, bound, err := Bind("settle-order", map[string]string{
		"topic": " payment.notified,cron-function , order.paid,order.paid", "schedule": "*/5 * * * *", "bazaar.timezone": "Asia/Shanghai",
		"com.openfaas.retry.attempts": "7", "com.openfaas.retry.min_wait": "1s", "com.openfaas.retry.max_wait": "5m",
		"bazaar.batch": "256", "bazaar.batch_wait": "5ms", "bazaar.batch_bytes": "65536", "unrelated": "x",
	}, map[string]string{"max_inflight": "8", "exec_timeout": "20s"})
	if err != nil || !bound {
		t.Fatal(bound, err)
	}
	if !slices.Equal(b.Topics, []string{"order.paid", "payment.notified"}) || *b.Cron != (Schedule{"0 */5 * * * *", "Asia/Shanghai"}) {
		t.Errorf("topics %v, schedule %v", b.Topics, b.Cron)
	}
	if b.Attempts != 7 || b.MinWait != time.Second || b.MaxWait != LongestWait ||
		b.Batch != 256 || b.BatchWait != 5*time.Millisecond || b.BatchBytes != 65536 || b.MaxInflight != 8 || b.ExecTimeout != 20*time.Second {
		t.Errorf("binding %+v", b)
	}
}

func TestBindDefaults(t *testing.T) {
	t.Parallel()
	b, bound, err := Bind("push", map[string]string{"topic": "order.paid"}, map[string]string{"max_inflight": "0"})
	if err != nil || !bound || b.Attempts != DefaultAttempts || b.MinWait != DefaultMinWait || b.MaxWait != DefaultMaxWait ||
		b.Batch != 1 || b.BatchWait != 0 || b.BatchBytes != 512<<10 || b.MaxInflight != 16 || b.Cron != nil {
		t.Errorf("%+v %t %v", b, bound, err)
	}
	if _, bound, err := Bind("Any Name", map[string]string{"bazaar.batch": "x"}, nil); bound || err != nil {
		t.Errorf("a function without a topic: %t %v", bound, err)
	}
}

func TestBindRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotations map[string]string
		environment map[string]string
		names       string
	}{
		"an empty topic":            {annotations: map[string]string{"topic": ""}, names: "topic"},
		"a topic among commas":      {annotations: map[string]string{"topic": "a,,b"}, names: "topic"},
		"a wildcard":                {annotations: map[string]string{"topic": "order.*"}, names: "topic"},
		"a full wildcard":           {annotations: map[string]string{"topic": "order.>"}, names: "topic"},
		"an empty token":            {annotations: map[string]string{"topic": "order..paid"}, names: "topic"},
		"a blank inside":            {annotations: map[string]string{"topic": "order paid"}, names: "topic"},
		"our own subject":           {annotations: map[string]string{"topic": "dead.push"}, names: "topic"},
		"a very long topic":         {annotations: map[string]string{"topic": strings.Repeat("a", 256)}, names: "topic"},
		"no schedule":               {annotations: map[string]string{"topic": "cron-function"}, names: "schedule"},
		"a schedule for nothing":    {annotations: map[string]string{"topic": "a", "schedule": "@hourly"}, names: "schedule"},
		"four fields":               {annotations: map[string]string{"topic": "cron-function", "schedule": "* * * *"}, names: "schedule"},
		"odd characters":            {annotations: map[string]string{"topic": "cron-function", "schedule": "* * * * $"}, names: "schedule"},
		"too short an interval":     {annotations: map[string]string{"topic": "cron-function", "schedule": "@every 10ms"}, names: "schedule"},
		"one moment":                {annotations: map[string]string{"topic": "cron-function", "schedule": "@at 2030-01-01T00:00:00Z"}, names: "schedule"},
		"no such time zone":         {annotations: map[string]string{"topic": "cron-function", "schedule": "@daily", "bazaar.timezone": "Mars/Base"}, names: "schedule"},
		"the machine's time zone":   {annotations: map[string]string{"topic": "cron-function", "schedule": "@daily", "bazaar.timezone": "Local"}, names: "schedule"},
		"an interval in a zone":     {annotations: map[string]string{"topic": "cron-function", "schedule": "@every 1m", "bazaar.timezone": "UTC"}, names: "schedule"},
		"attempts in words":         {annotations: map[string]string{"topic": "a", "com.openfaas.retry.attempts": "many"}, names: "attempts"},
		"no attempt":                {annotations: map[string]string{"topic": "a", "com.openfaas.retry.attempts": "0"}, names: "attempts"},
		"a wait without a unit":     {annotations: map[string]string{"topic": "a", "com.openfaas.retry.min_wait": "5"}, names: "min_wait"},
		"a negative wait":           {annotations: map[string]string{"topic": "a", "com.openfaas.retry.max_wait": "-5s"}, names: "max_wait"},
		"a batch of nothing":        {annotations: map[string]string{"topic": "a", "bazaar.batch": "0"}, names: "batch"},
		"a batch wait of a minute":  {annotations: map[string]string{"topic": "a", "bazaar.batch_wait": "1m"}, names: "batch_wait"},
		"batches of a few bytes":    {annotations: map[string]string{"topic": "a", "bazaar.batch_bytes": "10"}, names: "batch_bytes"},
		"calls at once in words":    {annotations: map[string]string{"topic": "a"}, environment: map[string]string{"max_inflight": "x"}, names: "max_inflight"},
		"a deadline without a unit": {annotations: map[string]string{"topic": "a"}, environment: map[string]string{"exec_timeout": "10"}, names: "exec_timeout"},
	} {
		_, bound, err := Bind("push", c.annotations, c.environment)
		if !bound || err == nil || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: %t, %v", name, bound, err)
		}
	}
	for _, name := range []string{"", "a.b", "a*", "A", "-a", "a b", strings.Repeat("a", 64)} {
		if _, _, err := Bind(name, map[string]string{"topic": "a"}, nil); err == nil {
			t.Errorf("the name %q is accepted", name)
		}
	}
	_, _, err := Bind("push", map[string]string{"topic": "a.*", "bazaar.batch": "x"}, nil)
	if err == nil || !strings.Contains(err.Error(), "topic") || !strings.Contains(err.Error(), "batch") {
		t.Errorf("not everything that is wrong is named: %v", err)
	}
}

// Whatever the annotations hold, what is accepted can be worked with.
func FuzzBind(f *testing.F) {
	f.Add("a,b", "", "", "3", "1s", "256")
	f.Add("cron-function", "@every 1s", "", "", "", "")
	f.Add("cron-function,x.y", "0 */5 3 * * MON-FRI", "Asia/Shanghai", "1000", "10s", "10000")
	f.Fuzz(func(t *testing.T, topic, schedule, zone, attempts, wait, batch string) {
		annotations := map[string]string{
			TopicAnnotation: topic, TimeZoneAnnotation: zone, AttemptsAnnotation: attempts, MinWaitAnnotation: wait, BatchAnnotation: batch,
		}
		if schedule != "" {
			annotations[ScheduleAnnotation] = schedule
		}
		b, _, err := Bind("push", annotations, nil)
		if err != nil {
			return
		}
		if b.Attempts < 1 || b.Batch < 1 || b.BatchBytes < 1 || b.MaxInflight < 1 || b.MinWait > b.MaxWait || b.MaxWait > LongestWait {
			t.Errorf("binding %+v", b)
		}
		if len(b.Topics) == 0 && b.Cron == nil {
			t.Errorf("%q is bound to nothing", topic)
		}
		for _, subject := range b.Topics {
			if strings.ContainsAny(subject, "*> \t\r\n") {
				t.Errorf("%q is no literal subject", subject)
			}
		}
		if b.Cron != nil && strings.ContainsAny(b.Cron.Pattern+b.Cron.Zone, "\r\n") {
			t.Errorf("schedule %+v does not fit a header", b.Cron)
		}
		for n := 1; n < b.Attempts; n++ {
			if d := backOff(&b, n); d < b.MinWait || d > LongestWait {
				t.Errorf("wait %s after attempt %d of %+v", d, n, b)
			}
		}
	})
}
