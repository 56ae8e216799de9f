package sqlstore

import (
	"fmt"

	"github.com/tidegate-io/tidegate/libs/es"
)

// claimKey is what can have one holder.
type claimKey struct{ scope, value string }

func (a *appending) holder(c es.Claim) string {
	if c.Holder != "" {
		return c.Holder
	}
	return a.batch.Stream
}

// readClaims reads who holds what the batch claims or gives up.
func (a *appending) readClaims() ([]Statement, error) {
	a.holders = make(map[claimKey]string, len(a.batch.Claims))
	var run []Statement
	for _, c := range a.batch.Claims {
		if c.Value == "" {
			if !c.Release {
				return nil, fmt.Errorf("claim in %s: no value", c.Scope)
			}
			continue
		}
		key := claimKey{c.Scope, c.Value}
		run = append(run, Statement{
			SQL:  `SELECT holder FROM claims WHERE scope = $1 AND value = $2`,
			Args: []any{c.Scope, c.Value},
			Row: func(scan func(...any) error) error {
				var holder string
				err := scan(&holder)
				a.holders[key] = holder
				return err
			},
		})
	}
	return run, nil
}

// claimed answers the writes that make the batch's claims true, in the order in
// which they were asked for, so that a name can be given up and another taken.
func (a *appending) claimed() ([]Statement, error) {
	var writes []Statement
	for _, c := range a.batch.Claims {
		key, holder := claimKey{c.Scope, c.Value}, a.holder(c)
		switch {
		case c.Release && c.Value == "":
			writes = append(writes, Statement{
				SQL: `DELETE FROM claims WHERE scope = $1 AND holder = $2`, Args: []any{c.Scope, holder},
			})
			for k, h := range a.holders {
				if k.scope == c.Scope && h == holder {
					delete(a.holders, k)
				}
			}
		case c.Release:
			if a.holders[key] == holder {
				delete(a.holders, key)
				writes = append(writes, Statement{
					SQL: `DELETE FROM claims WHERE scope = $1 AND value = $2`, Args: []any{c.Scope, c.Value},
				})
			}
		case a.holders[key] == "":
			a.holders[key] = holder
			writes = append(writes, Statement{
				SQL: `INSERT INTO claims (scope, value, holder) VALUES ($1, $2, $3)`, Args: []any{c.Scope, c.Value, holder},
			})
		case a.holders[key] != holder:
			return nil, &es.TakenError{Scope: c.Scope}
		}
	}
	return writes, nil
}
