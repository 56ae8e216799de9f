package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// query refuses parameters that are given twice and values that no text may
// hold. Unknown parameters are huma's to refuse.
func (g *guard) query(c *fiber.Ctx) (url.Values, error) {
	query, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "malformed_query", "The query string cannot be read.", Fault{"query", "bad percent-encoding"})
	}
	var faults []Fault
	for _, param := range g.described.Parameters {
		if param.In != "query" {
			continue
		}
		values := query[param.Name]
		if len(values) > 1 && (param.Explode == nil || !*param.Explode) {
			faults = append(faults, Fault{"query." + param.Name, "expected one value"})
		}
		for _, value := range values {
			if !plain(value) {
				faults = append(faults, Fault{"query." + param.Name, notPlain})
			}
		}
	}
	if path, err := url.PathUnescape(c.Path()); err != nil || !plain(path) {
		faults = append(faults, Fault{"path", notPlain})
	}
	if len(faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, codeValidation, "The input is not valid.", faults...)
	}
	return query, nil
}

const notPlain = "expected UTF-8 text without NUL characters"

func plain(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
