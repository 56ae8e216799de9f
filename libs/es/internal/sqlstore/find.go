package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/tidegate-io/tidegate/libs/es"
)

// The bounds of a page.
const (
	defaultLimit = 50
	maxLimit     = 200
)

// Find implements es.Reader.
//
// Documents come in the order of the events that made them; a cursor is the
// position of the last one, so it holds through a rebuild of the view.
func (r reader) Find(ctx context.Context, q es.Query) (es.Page, error) {
	v, err := r.view(q.View)
	if err != nil {
		return es.Page{}, err
	}
	after := int64(0)
	if q.After != "" {
		if after, err = strconv.ParseInt(q.After, 36, 64); err != nil || after < 1 {
			return es.Page{}, fmt.Errorf("find %s: %w", q.View, es.ErrBadCursor)
		}
	}
	limit := q.Limit
	if limit < 1 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)

	var docs []es.Doc
	var last []int64
	err = r.reading(ctx, v, func() (status, error) {
		docs, last = nil, nil
		st := status{row: cursorRow{cursor: -1}}
		drive, err := r.choose(ctx, v, q.Where)
		if err != nil {
			return st, err
		}
		find, err := r.search(v, q, drive, after, limit+1)
		if err != nil {
			return st, err
		}
		find.Row = func(scan func(...any) error) error {
			var seq int64
			var d es.Doc
			var body []byte
			err := scan(&seq, &d.Key, &d.Version, &body)
			d.Body = body
			docs, last = append(docs, d), append(last, seq)
			return err
		}
		return st, r.run.Run(ctx, readStatus(v, &st), find)
	})
	if err != nil {
		return es.Page{}, fmt.Errorf("find %s: %w", q.View, err)
	}
	page := es.Page{Docs: docs}
	if len(docs) > limit {
		page.Docs = docs[:limit]
		page.Next = strconv.FormatInt(last[limit-1], 36)
	}
	return page, nil
}

func readStatus(v *view, st *status) Statement {
	return Statement{
		SQL:  `SELECT h.position, COALESCE(v.cursor, -1), COALESCE(v.skipped, 0) FROM head h LEFT JOIN views v ON v.id = $1`,
		Args: []any{v.id},
		Row:  func(scan func(...any) error) error { return scan(&st.head, &st.row.cursor, &st.row.skipped) },
	}
}

// fewDocuments is up to how many documents of one term are gathered and sorted;
// above it they are walked in order.
const fewDocuments = 1000

// driver is how a search walks: by the documents of one term, which are few and
// gathered or many and walked in order, or by all documents.
type driver struct {
	term   int // index into Query.Where; -1: all documents
	gather bool
}

// choose takes the term that the fewest documents have. With a single term of
// one value there is nothing to choose: its documents are walked in order.
func (r reader) choose(ctx context.Context, v *view, where []es.Term) (driver, error) {
	ordered := -1
	var plain []int // the terms that an index has
	for i, t := range where {
		if t.Fact != "" || t.Not {
			continue
		}
		plain = append(plain, i)
		if ordered < 0 && t.Op == es.In && len(t.Values) == 1 {
			ordered = i
		}
	}
	if len(plain) == 0 || len(plain) == 1 && ordered >= 0 {
		return driver{term: ordered}, nil
	}
	counts := make([]int64, len(plain))
	run := make([]Statement, len(plain))
	for i, n := range plain {
		t := where[n]
		var args []any
		run[i] = Statement{
			SQL: `SELECT COUNT(*) FROM (SELECT 1 AS found FROM ` + v.terms + ` t WHERE ` + r.condition(t, &args) +
				` LIMIT ` + strconv.Itoa(fewDocuments) + `) AS few`,
			Row: func(scan func(...any) error) error { return scan(&counts[i]) },
		}
		run[i].Args = args
	}
	if err := r.run.Run(ctx, run...); err != nil {
		return driver{}, err
	}
	fewest := 0
	for i, n := range counts {
		if n < counts[fewest] {
			fewest = i
		}
	}
	if counts[fewest] < fewDocuments {
		return driver{term: plain[fewest], gather: true}, nil
	}
	return driver{term: ordered}, nil
}

// parameter adds an argument and answers its place.
func parameter(args *[]any, arg any) string {
	*args = append(*args, arg)
	return "$" + strconv.Itoa(len(*args))
}

// condition is what holds for a row t of the terms table that makes a term
// true; it appends its arguments.
func (r reader) condition(t es.Term, args *[]any) string {
	return `t.field = ` + parameter(args, t.Field) + ` AND ` + r.comparison("t.value", t, args)
}

// comparison is what a column holds when a term is true.
func (r reader) comparison(column string, t es.Term, args *[]any) string {
	if len(t.Values) == 0 {
		return `1 = 0`
	}
	switch {
	case t.Op == es.Below:
		return column + ` < ` + parameter(args, t.Values[0])
	case t.Op == es.AtLeast:
		return column + ` >= ` + parameter(args, t.Values[0])
	case len(t.Values) == 1:
		return column + ` = ` + parameter(args, t.Values[0])
	default:
		return r.store.dialect.In(column, parameter(args, r.store.dialect.List(t.Values)))
	}
}

// restricts is what is true of a document when a term is. The document is a row
// that has its seq, and its key if the term is of a fact.
func (r reader) restricts(v *view, document string, t es.Term, args *[]any) (string, error) {
	not := ""
	if t.Not {
		not = `NOT `
	}
	if t.Fact == "" {
		return not + `EXISTS (SELECT 1 FROM ` + v.terms + ` t WHERE t.seq = ` + document + `.seq AND ` + r.condition(t, args) + `)`, nil
	}
	source, known := r.store.sources[t.Fact]
	if !known {
		return "", fmt.Errorf("the service has no reference %q", t.Fact)
	}
	return not + `EXISTS (SELECT 1 FROM facts f WHERE f.shape = ` + parameter(args, r.store.shapes[source]) +
		` AND f.kind = ` + parameter(args, t.Fact) + ` AND f.id = ` + document + `.key AND ` + r.comparison("f.rank", t, args) + `)`, nil
}

func (r reader) search(v *view, q es.Query, drive driver, after int64, limit int) (Statement, error) {
	var sql strings.Builder
	var args []any
	sql.WriteString(`SELECT d.seq, d.key, d.version, d.body FROM `)
	order := "d.seq"
	switch {
	case drive.term < 0:
		sql.WriteString(v.docs + ` d WHERE `)
	case drive.gather:
		sql.WriteString(v.docs + ` d WHERE d.seq IN (SELECT t.seq FROM ` + v.terms + ` t WHERE ` + r.condition(q.Where[drive.term], &args) + `) AND `)
	default:
		order = "t.seq"
		sql.WriteString(v.terms + ` t CROSS JOIN ` + v.docs + ` d WHERE d.seq = t.seq AND ` + r.condition(q.Where[drive.term], &args) + ` AND `)
	}
	for i, t := range q.Where {
		if i == drive.term {
			continue
		}
		condition, err := r.restricts(v, `d`, t, &args)
		if err != nil {
			return Statement{}, err
		}
		sql.WriteString(condition + ` AND `)
	}
	if q.Text != "" {
		fmt.Fprintf(&sql, `%s(d.text, %s) > 0 AND `, r.store.dialect.Locate, parameter(&args, strings.ToLower(q.Text)))
	}
	fmt.Fprintf(&sql, `%s > %s ORDER BY %s LIMIT %d`, order, parameter(&args, after), order, limit)
	return Statement{SQL: sql.String(), Args: args}, nil
}
