package fn

import (
	"time"

	"bazaar/shared/telemetry"
)

// Settings are the OpenFaaS settings of a function, under OpenFaaS's names.
type Settings struct {
	// Host and Port are where calls arrive; an empty host is every address.
	Host        string `env:"listen_host"`
	Port        uint16 `env:"port" envDefault:"8080"`
	MetricsPort uint16 `env:"metrics_port" envDefault:"8081"`
	// ReadTimeout is how long a caller may take to send a request.
	ReadTimeout time.Duration `env:"read_timeout" envDefault:"11s"`
	// WriteTimeout is how long a call may take with its answer; it is at least a
	// second longer than ExecTimeout, whatever is set.
	WriteTimeout time.Duration `env:"write_timeout" envDefault:"11s"`
	// ExecTimeout is the deadline of a step; the caller's X-Timeout may shorten it.
	ExecTimeout time.Duration `env:"exec_timeout" envDefault:"10s"`
	// HealthcheckInterval is how long a draining function still takes calls, so
	// that whoever balances sees that it is not ready.
	HealthcheckInterval time.Duration `env:"healthcheck_interval" envDefault:"5s"`
	// MaxInflight bounds the calls that run at once; 0 does not.
	MaxInflight int64 `env:"max_inflight" envDefault:"0"`
	// MaxBody is the longest body in bytes, where a route does not say otherwise.
	MaxBody int64 `env:"max_body" envDefault:"65536"`
	// LockFile exists while the function is healthy.
	LockFile string `env:"lock_file" envDefault:"/tmp/.lock"`

	Telemetry telemetry.Settings
}

// defaults are the settings of an empty environment, for a handler without a process.
func defaults() Settings {
	return Settings{
		ReadTimeout: 11 * time.Second, WriteTimeout: 11 * time.Second, ExecTimeout: 10 * time.Second,
		MaxBody: 64 << 10,
	}
}

func (s Settings) writeTimeout() time.Duration { return max(s.WriteTimeout, s.ExecTimeout+time.Second) }
