package secret

import (
	"fmt"
	"slices"
)

// Add puts a fresh key into the ring and its file, not yet active, and answers
// its id. A third pepper is refused: retire the older one first.
func (r *Ring) Add(use Use) (string, error) {
	added := newKey(use, false)
	err := r.change("add a "+string(use)+" key", func(all []key) ([]key, error) {
		return append(all, added), nil
	})
	return added.ID, err
}

// Activate makes a key the active one of its use. Do so only once every live
// process lists it: what it seals cannot be opened by the others.
func (r *Ring) Activate(id string) error {
	return r.change("activate key "+id, func(all []key) ([]key, error) {
		i := slices.IndexFunc(all, func(k key) bool { return k.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("%w: %s", ErrUnknownKey, id)
		}
		for j := range all {
			if all[j].Use == all[i].Use {
				all[j].Active = j == i
			}
		}
		return all, nil
	})
}

// Retire destroys a key that is not active. What is still sealed under it, in
// backups too, can never be opened again, and secrets that are digested with it
// alone are recognised no more.
func (r *Ring) Retire(id string) error {
	return r.change("retire key "+id, func(all []key) ([]key, error) {
		i := slices.IndexFunc(all, func(k key) bool { return k.ID == id })
		switch {
		case i < 0:
			return nil, fmt.Errorf("%w: %s", ErrUnknownKey, id)
		case all[i].Active:
			return nil, fmt.Errorf("%w: %s is active; activate another first", ErrRing, id)
		}
		return slices.Delete(all, i, i+1), nil
	})
}

// change edits a copy of the newest state, keeps it in the file and then puts it
// in force. It does not guard against another process that changes the file at
// the same moment: keys are changed from one place.
func (r *Ring) change(what string, edit func([]key) ([]key, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.keys.Load().all)
	var err error
	if r.path != "" {
		if all, err = read(r.path); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if all, err = edit(all); err == nil {
		err = validate(all)
	}
	if err == nil && r.path != "" {
		err = replace(r.path, all)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	r.set(all)
	return nil
}
