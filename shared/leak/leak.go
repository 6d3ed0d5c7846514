// Package leak tells whether a process has ended whole: whether every goroutine
// that it started had ended before it did. It owns no table, key or subject, and
// it does not end or wait for anything that a program has forgotten.
//
// It is off in every ordinary build: Check is then an empty function that the
// compiler leaves out. Programs built with the tag `leak` say how they ended, in
// one line of JSON on standard error:
//
//	{"level":"INFO","msg":"no goroutine is left","program":"create-order"}
//	{"level":"ERROR","msg":"goroutines are left","program":"create-order","stacks":"…"}
//
// and after the second one exit with status 93. A program that says neither has
// not come to its end.
package leak
