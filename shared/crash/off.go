//go:build !crash

package crash

// Point is a moment at which the process may be killed. The parts of its name,
// joined by dots, are the file that arms it. It does nothing in this build.
func Point(...string) {}

// Poison is the handling of one thing, named by id, that may panic. The parts of
// its name and the id, joined by dots, are the file that arms it, for as long as
// the file is there. It does nothing in this build.
func Poison(id string, name ...string) {}
