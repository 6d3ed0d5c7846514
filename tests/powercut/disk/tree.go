//go:build linux

package disk

import (
	"maps"
	"slices"
	"strings"
)

// place is a name in a folder.
type place struct {
	folder *object
	name   string
}

// tree says what is where: the names of one state of the disk.
type tree struct {
	entries map[*object]map[string]*object // by folder
	places  map[*object]map[place]bool     // the other way round
}

func newTree() tree {
	return tree{entries: map[*object]map[string]*object{}, places: map[*object]map[place]bool{}}
}

func (t tree) at(p place) *object { return t.entries[p.folder][p.name] }

// put gives a place to o, and what was there before loses it.
func (t tree) put(p place, o *object) (displaced *object) {
	displaced = t.remove(p)
	if t.entries[p.folder] == nil {
		t.entries[p.folder] = map[string]*object{}
	}
	if t.places[o] == nil {
		t.places[o] = map[place]bool{}
	}
	t.entries[p.folder][p.name] = o
	t.places[o][p] = true
	return displaced
}

func (t tree) remove(p place) (gone *object) {
	if gone = t.at(p); gone == nil {
		return nil
	}
	delete(t.entries[p.folder], p.name)
	if delete(t.places[gone], p); len(t.places[gone]) == 0 {
		delete(t.places, gone)
	}
	return gone
}

// placesOf lists where o is, in one order.
func (t tree) placesOf(o *object) []place {
	return slices.SortedFunc(maps.Keys(t.places[o]), func(a, b place) int {
		if a.folder != b.folder {
			return int(a.folder.id) - int(b.folder.id)
		}
		return strings.Compare(a.name, b.name)
	})
}

// in lists the names in a folder, in one order.
func (t tree) in(folder *object) []string { return slices.Sorted(maps.Keys(t.entries[folder])) }

// names are the two states of all names.
type names struct {
	root       *object
	live, kept tree
}

// settled reports whether the names of o are kept as they are.
func (n names) settled(o *object) bool { return maps.Equal(n.live.places[o], n.kept.places[o]) }

// settle keeps the names of o as they are, with the folders above it. What
// gives way to it is settled too: it may have another name by now, and is not
// to be lost for the want of a sync of that one.
func (n names) settle(o *object) {
	o.keepAttributes()
	for _, p := range n.kept.placesOf(o) {
		if n.live.at(p) != o && n.kept.at(p) == o {
			n.kept.remove(p)
		}
	}
	for _, p := range n.live.placesOf(o) {
		if p.folder != n.root {
			n.settle(p.folder)
		}
		if n.kept.at(p) == o {
			continue
		}
		if displaced := n.kept.put(p, o); displaced != nil {
			n.settle(displaced)
		}
	}
	if len(n.live.places[o]) == 0 && o != n.root {
		n.settleIn(o) // a folder that is gone takes along nothing that has moved out of it
	}
}

// settleIn keeps the names in a folder, those that came and those that went.
func (n names) settleIn(folder *object) {
	for _, t := range []tree{n.kept, n.live} {
		for _, name := range t.in(folder) {
			if o := t.at(place{folder, name}); o != nil && !n.settled(o) {
				n.settle(o)
			}
		}
	}
}
