// echo is a function that the runner's tests can look through: it says who and
// how it is, and dies when it is told to.
package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bazaar/shared/fn"
)

type settings struct{}

func main() { fn.Main("echo", assemble) }

type self struct {
	Pid     int      `json:"pid"`
	Environ []string `json:"environ"`
	Secrets []string `json:"secrets"`
}

func assemble(_ context.Context, run *fn.Runtime, _ *settings) (fn.Routes, error) {
	return fn.Routes{
		fn.Raw("POST /{$}", func(_ context.Context, c fn.RawCall) (fn.Reply, error) {
			return fn.Reply{Raw: c.Body, ContentType: c.ContentType}, nil
		}),
		fn.Public("GET /self", fn.Step(func(context.Context, fn.Call, fn.None) (fn.Reply, error) {
			names, err := filepath.Glob(filepath.Join(os.Getenv("secret_mount_path"), "*"))
			if err != nil {
				return fn.Reply{}, err
			}
			s := self{Pid: os.Getpid(), Environ: os.Environ()}
			for _, name := range names {
				s.Secrets = append(s.Secrets, filepath.Base(name))
			}
			return fn.Reply{Body: s}, nil
		})),
		fn.Public("GET /say/{words}", fn.Step(func(_ context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
			run.Log.Info(strings.ToUpper(c.Params["words"]))
			return fn.Reply{Body: "said"}, nil
		})),
		fn.Public("GET /slow", fn.Step(func(ctx context.Context, _ fn.Call, _ fn.None) (fn.Reply, error) {
			run.Log.Info("slow began")
			rest := time.NewTimer(time.Second)
			defer rest.Stop()
			select {
			case <-rest.C:
				return fn.Reply{Body: "rested"}, nil
			case <-ctx.Done():
				return fn.Reply{}, ctx.Err()
			}
		})),
		fn.Public("POST /die", fn.Step(func(context.Context, fn.Call, fn.None) (fn.Reply, error) {
			os.Exit(3)
			return fn.Reply{}, nil
		})),
	}, nil
}
