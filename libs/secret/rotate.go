package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
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

// Adopt takes back the keys of an older copy of this ring, as old ones: what a
// restored database rests on is opened and recognised again, and can be made
// again under the keys in use. It answers their ids.
func (r *Ring) Adopt(older *Ring) ([]string, error) {
	var ids []string
	err := r.change("take back the keys of an older key ring", func(all []key) ([]key, error) {
		var adopted []key
		for _, k := range older.keys.Load().all {
			if !slices.ContainsFunc(all, func(have key) bool { return have.ID == k.ID }) {
				k.Active = false
				adopted, ids = append(adopted, k), append(ids, k.ID)
			}
		}
		return append(adopted, all...), nil
	})
	return ids, err
}

// Rewrap writes the file anew, in the driver's newest wrapping, with the keys
// that it has.
func (r *Ring) Rewrap() error {
	return r.change("wrap the key ring anew", func(all []key) ([]key, error) { return all, nil })
}

// CopyTo writes the keys of this ring to where there is none yet, perhaps in
// another wrapping. Errors wrap fs.ErrExist when there is one.
func (r *Ring) CopyTo(ctx context.Context, to Source) error {
	copied := &Ring{path: to.Path, driver: to.Driver}
	if copied.driver == nil {
		copied.driver = File{}
	}
	if err := copied.write(ctx, r.keys.Load().all, os.Link); err != nil {
		return fmt.Errorf("write key ring %s: %w", to.Path, err)
	}
	return nil
}

// change edits a copy of the newest state, keeps it in the file and then puts it
// in force. Processes on this machine that change one file do so one after the
// other; on several machines keys are changed from one place.
func (r *Ring) change(what string, edit func([]key) ([]key, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*driverTime)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.edit(ctx, edit); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (r *Ring) edit(ctx context.Context, edit func([]key) ([]key, error)) error {
	if r.path == "" {
		all, err := edit(slices.Clone(r.keys.Load().all))
		if err == nil {
			err = validate(all)
		}
		if err == nil {
			r.set(all)
		}
		return err
	}
	held, err := hold(r.path)
	if err != nil {
		return err
	}
	defer func() { _ = held.Close() }() // which lets go of it
	raw, err := r.read()
	if err != nil {
		return err
	}
	before, err := r.unwrap(ctx, raw)
	if err != nil {
		return err
	}
	all, err := edit(slices.Clone(before))
	if err != nil {
		return err
	}
	if err := r.write(ctx, all, os.Rename); err != nil {
		return err
	}
	r.set(all)
	if len(all) < len(before) {
		return destroy(held, len(raw))
	}
	return nil
}

// hold opens the file for as long as it is the one at path, and keeps others from
// changing it meanwhile.
func hold(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		held, err1 := f.Stat()
		current, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(held, current) {
			return f, nil
		}
		if err := errors.Join(err1, err2, f.Close()); err != nil {
			return nil, err
		}
	}
}

// destroy writes over a file that has lost its name. Where the file system or the
// disk copies on write, the older bytes stay until they are reused.
func destroy(f *os.File, size int) error {
	if _, err := f.WriteAt(make([]byte, size), 0); err != nil {
		return fmt.Errorf("the key is retired, and could not be written over: %w", err)
	}
	return f.Sync()
}
