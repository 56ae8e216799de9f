package access

import (
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/tidegate-io/tidegate/events/consumer"
)

// wire writes or reads the fields of one record: each field is named once, in
// its object's code method, for both directions, so that what is written is what
// is read and what is hashed. Writing changes nothing: others may be reading. Numbers are varints, texts carry their length.
type wire struct {
	s       *Snapshot // resolves references when reading
	b       []byte    // written so far, or left to read
	reading bool
	failed  bool // what was read is no record
}

// number is a field that is an integer.
func number[T ~uint8 | ~uint32 | ~int64](w *wire, v *T) {
	if !w.reading {
		w.b = binary.AppendUvarint(w.b, uint64(*v))
		return
	}
	n, size := binary.Uvarint(w.b)
	if size <= 0 || uint64(T(n)) != n {
		w.fail()
		return
	}
	*v, w.b = T(n), w.b[size:]
}

// moment is a field that is a time. Never is the commonest and takes one byte.
func (w *wire) moment(v *moment) {
	flipped := *v ^ never
	if number(w, &flipped); w.reading {
		*v = flipped ^ never
	}
}

func (w *wire) text(v *string) {
	if !w.reading {
		w.b = binary.AppendUvarint(w.b, uint64(len(*v)))
		w.b = append(w.b, *v...)
		return
	}
	*v = string(w.take())
}

// take answers the next text, which lives only until the next record.
func (w *wire) take() []byte {
	n, size := binary.Uvarint(w.b)
	if size <= 0 || n > uint64(len(w.b)-size) {
		w.fail()
		return nil
	}
	text := w.b[size : size+int(n)]
	w.b = w.b[size+int(n):]
	return text
}

// fixed is a field of known size.
func (w *wire) fixed(v []byte) {
	switch {
	case !w.reading:
		w.b = append(w.b, v...)
	case len(w.b) < len(v):
		w.fail()
	default:
		w.b = w.b[copy(v, w.b):]
	}
}

func (w *wire) flag(v *bool) {
	var n uint8
	if *v {
		n = 1
	}
	if number(w, &n); w.reading {
		*v = n == 1
	}
	if n > 1 {
		w.fail()
	}
}

// json is a field of some size that few objects have; v points to it.
func (w *wire) json(v any) {
	if w.reading {
		if json.Unmarshal(w.take(), v) != nil {
			w.fail()
		}
		return
	}
	raw, err := json.Marshal(v)
	if err != nil {
		raw = nil // it came from JSON, so this cannot be; and nil is not read back
	}
	text := string(raw)
	w.text(&text)
}

// texts is a list that may be nil, which is not the same as empty.
func (w *wire) texts(v *[]string) {
	count := uint32(0)
	if *v != nil {
		count = uint32(len(*v)) + 1
	}
	number(w, &count)
	if !w.reading {
		for i := range *v {
			w.text(&(*v)[i])
		}
		return
	}
	if *v = nil; count == 0 {
		return
	}
	*v = []string{}
	for range count - 1 {
		if w.failed {
			return
		}
		var each string
		w.text(&each)
		*v = append(*v, each)
	}
}

func (w *wire) fail() {
	w.failed = true
	w.b = nil
}

func (h *history) code(w *wire) {
	number(w, &h.version)
	number(w, &h.seen)
	w.fixed(h.event[:])
}

func (c *Consumer) code(w *wire) {
	w.text(&c.ID)
	c.history.code(w)
	number(w, &c.status)
	w.text(&c.Team)
	w.text(&c.CustomID)
	limited := c.Limits != nil
	w.flag(&limited)
	if limited && w.reading {
		var given consumer.Limits
		w.json(&given)
		c.Limits = limitsOf(&given)
	} else if limited {
		w.json(&c.Limits.given)
	}
	if c.status > consumerDeleted {
		w.fail()
	}
}

func (c *Credential) code(w *wire) {
	w.text(&c.ID)
	c.history.code(w)
	number(w, &c.flags)
	number(w, &c.secret)
	number(w, &c.retiring)
	w.moment(&c.retiringUntil)
	w.moment(&c.expires)
	owner, known := c.ConsumerID(), c.known()
	w.flag(&known)
	w.text(&owner)
	set := Settings{Type: c.Type, Placement: c.Placement, Config: c.Config, Hide: c.Hide}
	w.text(&set.Type)
	w.text(&set.Placement.In)
	w.text(&set.Placement.Name)
	config := string(set.Config)
	w.text(&config)
	w.flag(&set.Hide)
	if w.reading && !w.failed {
		if known {
			c.belong(w.s.party(owner))
		}
		set.Config = nil
		if config != "" {
			set.Config = json.RawMessage(config)
		}
		c.Settings = w.s.shared(set.Type, set.Placement, set.Config, set.Hide)
	}
}

func (k *signing) code(w *wire) {
	k.history.code(w)
	w.json(&k.given)
	if w.reading && !w.failed {
		k.take(k.given)
	}
}

func (t *revokedToken) code(w *wire) {
	w.text(&t.id)
	w.moment(&t.until)
	count := uint32(len(t.unread))
	if number(w, &count); w.reading {
		if int(count) > len(w.b) {
			w.fail()
			return
		}
		t.unread = make([]uint32, count)
	}
	for i := range t.unread {
		number(w, &t.unread[i])
	}
	if !slices.IsSorted(t.unread) {
		w.fail()
	}
}

func (p *passed) code(w *wire) { w.moment(&p.moment) }

func (v *Service) code(w *wire) {
	w.text(&v.ID)
	v.history.code(w)
	w.text(&v.Status)
	number(w, &v.since)
	w.json(&v.Definition)
	w.json(&v.SunsetAt)
}

func (u *Subscription) code(w *wire) {
	w.text(&u.ID)
	u.history.code(w)
	number(w, &u.status)
	number(w, &u.requested)
	w.moment(&u.expires)
	w.text(&u.PlanID)
	owner, to := u.ConsumerID(), u.ServiceID()
	w.text(&owner)
	w.text(&to)
	w.texts(&u.CredentialIDs)
	if w.reading && !w.failed && u.known() {
		u.consumer, u.service = w.s.party(owner), w.s.provider(to)
	}
	if u.status > subscriptionRevoked {
		w.fail()
	}
}
