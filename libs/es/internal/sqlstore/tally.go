package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Tally implements es.Reader. It walks the index of the field, and looks at
// documents themselves only for what the index does not tell: text and facts.
func (r reader) Tally(ctx context.Context, q es.Query, field string) (map[string]int64, error) {
	v, err := r.view(q.View)
	if err != nil {
		return nil, err
	}
	count, err := r.tally(v, q, field)
	if err != nil {
		return nil, fmt.Errorf("tally %s: %w", q.View, err)
	}
	var found map[string]int64
	count.Row = func(scan func(...any) error) error {
		var value string
		var n int64
		err := scan(&value, &n)
		found[value] = n
		return err
	}
	err = r.reading(ctx, v, func() (status, error) {
		found = map[string]int64{}
		st := status{row: cursorRow{cursor: -1}}
		return st, r.run.Run(ctx, readStatus(v, &st), count)
	})
	if err != nil {
		return nil, fmt.Errorf("tally %s: %w", q.View, err)
	}
	return found, nil
}

func (r reader) tally(v *view, q es.Query, field string) (Statement, error) {
	var sql strings.Builder
	var args []any
	if q.Text == "" && !slices.ContainsFunc(q.Where, func(t es.Term) bool { return t.Fact != "" }) {
		sql.WriteString(`SELECT d.value, COUNT(*) FROM ` + v.terms + ` d WHERE d.field = ` + parameter(&args, field))
	} else {
		sql.WriteString(`SELECT g.value, COUNT(*) FROM ` + v.terms + ` g CROSS JOIN ` + v.docs + ` d WHERE d.seq = g.seq AND g.field = ` + parameter(&args, field))
	}
	for _, t := range q.Where {
		condition, err := r.restricts(v, t, &args)
		if err != nil {
			return Statement{}, err
		}
		sql.WriteString(` AND ` + condition)
	}
	if q.Text != "" {
		sql.WriteString(` AND ` + r.contains(q.Text, &args))
	}
	sql.WriteString(` GROUP BY 1`)
	return Statement{SQL: sql.String(), Args: args}, nil
}
