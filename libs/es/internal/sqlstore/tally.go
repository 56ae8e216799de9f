package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Tally implements es.Reader. It walks a part of the index, and looks at
// documents themselves only for their keys, when facts are asked for.
func (r reader) Tally(ctx context.Context, t es.Tally) (map[string]int64, error) {
	v, err := r.view(t.View)
	if err != nil {
		return nil, err
	}
	count, err := r.tally(v, t)
	if err != nil {
		return nil, fmt.Errorf("tally %s: %w", t.View, err)
	}
	var found map[string]int64
	count.Row = func(scan func(...any) error) error {
		var value string
		var n int64
		err := scan(&value, &n)
		if n > 0 {
			found[value] = n
		}
		return err
	}
	err = r.reading(ctx, v, func() (status, error) {
		found = map[string]int64{}
		st := status{row: cursorRow{cursor: -1}}
		return st, r.run.Run(ctx, readStatus(v, &st), count)
	})
	if err != nil {
		return nil, fmt.Errorf("tally %s: %w", t.View, err)
	}
	return found, nil
}

func (r reader) tally(v *view, t es.Tally) (Statement, error) {
	var sql strings.Builder
	var args []any
	value := `g.value`
	if t.Total {
		value = `''`
	}
	sql.WriteString(`SELECT ` + value + `, COUNT(*) FROM ` + v.terms + ` g`)
	document := `g`
	if slices.ContainsFunc(t.Where, func(t es.Term) bool { return t.Fact != "" }) {
		document = `d`
		sql.WriteString(` CROSS JOIN ` + v.docs + ` d`)
	}
	sql.WriteString(` WHERE g.field = ` + parameter(&args, t.Field))
	if document == `d` {
		sql.WriteString(` AND d.seq = g.seq`)
	}
	if t.From != "" {
		sql.WriteString(` AND g.value >= ` + parameter(&args, t.From))
	}
	if t.Below != "" {
		sql.WriteString(` AND g.value < ` + parameter(&args, t.Below))
	}
	for _, term := range t.Where {
		condition, err := r.restricts(v, document, term, &args)
		if err != nil {
			return Statement{}, err
		}
		sql.WriteString(` AND ` + condition)
	}
	if !t.Total {
		sql.WriteString(` GROUP BY g.value`)
	}
	return Statement{SQL: sql.String(), Args: args}, nil
}
