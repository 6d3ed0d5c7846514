package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"bazaar/infra/local/server"
)

// aptScript installs packages without starting their services: a policy that
// refuses every start is put in place meanwhile, unless the machine has one. So
// the packages' own servers do not run, and one that runs already is not
// started again. $@ are the packages.
const aptScript = `set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' > "$policy"
	chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q || true
apt-get install -q -y --no-install-recommends "$@"
`

// missingServers gives the Debian packages of the servers that are not here.
func missingServers() ([]string, error) {
	var missing []string
	for _, find := range []func() (string, error){server.FindPostgres, server.FindRedis} {
		_, err := find()
		var gone *server.MissingError
		switch {
		case errors.As(err, &gone):
			missing = append(missing, gone.Package)
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}

// install installs the servers that are missing where that can be done without
// asking for more than a password, else it says what to type.
func (r *runner) install(ctx context.Context) error {
	missing, err := missingServers()
	if err != nil || len(missing) == 0 {
		return err
	}
	command := installer(r.options.NoInstall, os.Geteuid(), r.screen.terminal, exec.LookPath)
	if command == nil {
		return notInstalled(missing)
	}
	r.screen.say("installing %s (their own services are not started)", strings.Join(missing, " and "))
	log, err := r.logFile("install")
	if err != nil {
		return err
	}
	if err := runInstaller(ctx, append(command, missing...), log); err != nil {
		return fmt.Errorf("installing did not work (%w, see log/install.log): %w", err, notInstalled(missing))
	}
	if still, err := missingServers(); err != nil || len(still) > 0 {
		return errors.Join(err, notInstalled(still))
	}
	return nil
}

// installer gives the command that installs the packages that are added to it,
// or nil: it needs apt-get, and root or sudo. Without a terminal sudo must not ask.
func installer(refused bool, uid int, terminal bool, find func(string) (string, error)) []string {
	if _, err := find("apt-get"); err != nil || refused {
		return nil
	}
	script := []string{"/bin/sh", "-c", aptScript, "install"}
	if uid == 0 {
		return script
	}
	if _, err := find("sudo"); err != nil {
		return nil
	}
	if terminal {
		return append([]string{"sudo"}, script...)
	}
	return append([]string{"sudo", "-n"}, script...)
}

func runInstaller(ctx context.Context, command []string, log io.Writer) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // dpkg must end in order
	return cmd.Run()
}

// notInstalled names the commands to type.
func notInstalled(packages []string) error {
	fedora, macOS := []string{}, []string{}
	var names []string
	for _, p := range packages {
		if p == "postgresql" {
			names, fedora, macOS = append(names, "PostgreSQL"), append(fedora, "postgresql-server"), append(macOS, "postgresql@17")
		} else {
			names, fedora, macOS = append(names, "Redis"), append(fedora, "valkey"), append(macOS, "redis")
		}
	}
	slices.Sort(names)
	return fmt.Errorf("%s not installed here. On Debian or Ubuntu type: sudo apt-get install %s; on Fedora: sudo dnf install %s; on macOS: brew install %s",
		map[bool]string{true: names[0] + " is", false: strings.Join(names, " and ") + " are"}[len(names) == 1],
		strings.Join(packages, " "), strings.Join(fedora, " "), strings.Join(macOS, " "))
}
