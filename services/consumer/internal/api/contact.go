package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

// contactField is what a contact is sealed as.
const contactField = "contact"

// seal seals a contact under a fresh key of the consumer's own, which is kept in
// the append: whoever erases it has erased the contact from every copy of the
// log. A contact of nothing is none.
func (a *API) seal(id string, c *Contact) (sealed []byte, keep []es.Option, err error) {
	if c == nil || *c == (Contact{}) {
		return nil, nil, nil
	}
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, nil, fmt.Errorf("seal the contact: %w", err)
	}
	key := secret.NewDataKey()
	kept, err := a.ring.SealDataKey(id, key)
	if err != nil {
		return nil, nil, fmt.Errorf("seal the contact's key: %w", err)
	}
	keep = []es.Option{es.WithMaterial(es.Material{Key: domain.ContactKey(id), Kept: kept})}
	return key.Seal(contactField, plain), keep, nil
}

// reveal opens the contacts of consumers. One whose key is gone, or was replaced
// since it was read, is shown without.
func (a *API) reveal(ctx context.Context, r es.Reader, all ...*Consumer) error {
	var keys []string
	for _, c := range all {
		if len(c.ContactSealed) > 0 {
			keys = append(keys, domain.ContactKey(c.ID))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	material, err := r.Material(ctx, keys...)
	if err != nil {
		return err
	}
	for _, c := range all {
		sealed := c.ContactSealed
		c.ContactSealed = nil
		kept, there := material[domain.ContactKey(c.ID)]
		if len(sealed) == 0 || !there {
			continue
		}
		if c.Contact, err = a.open(c.ID, kept.Kept, sealed); err != nil {
			return fmt.Errorf("open the contact of consumer %s: %w", c.ID, err)
		}
	}
	return nil
}

// open answers nothing when the contact was sealed under a key that was
// replaced, and so erased.
func (a *API) open(id string, kept, sealed []byte) (*Contact, error) {
	key, err := a.ring.OpenDataKey(id, kept)
	if err != nil {
		return nil, err
	}
	plain, err := key.Open(contactField, sealed)
	if errors.Is(err, secret.ErrSealed) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var c Contact
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// present answers a consumer as a transaction sees it, with its contact sealed:
// so it is kept; and the contact, for the caller.
func (a *API) present(ctx context.Context, r es.Reader, id string) (shown Consumer, contact *Contact, err error) {
	c, err := es.Get[views.Consumer](ctx, r, views.Consumers.Name, id)
	if err != nil {
		return Consumer{}, nil, err
	}
	opened := consumerOf(c)
	if err := a.reveal(ctx, r, &opened); err != nil {
		return Consumer{}, nil, err
	}
	return consumerOf(c), opened.Contact, nil
}

// replay opens the contact in an answer that was kept.
func (a *API) replay(ctx context.Context, kept []byte) ([]byte, error) {
	var c Consumer
	if err := json.Unmarshal(kept, &c); err != nil {
		return nil, fmt.Errorf("read a kept answer: %w", err)
	}
	if err := a.reveal(ctx, a.store, &c); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}
