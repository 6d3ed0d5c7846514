// Package crash names the moments at which a process may die, so that tests can
// make it die there: between a commit and its acknowledgement, between a publish
// and its answer, in the middle of a batch. It owns no table, key or subject.
//
// It is off in every ordinary build: Point and Poison are then empty functions
// that the compiler leaves out. Only programs built with the tag `crash` look at
// the folder that the environment names as crash_dir, and there a file arms a
// point:
//
//	echo 1 > $crash_dir/create-order.published
//
// makes the next process that passes Point("create-order", "published") kill
// itself there. A larger number lets the point pass so many times less one. The
// file is gone before the process is, so whoever is started in its place goes on.
// An empty or missing crash_dir arms nothing.
package crash
