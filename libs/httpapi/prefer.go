package httpapi

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// maxWait is the longest that Prefer: wait is honoured for, in seconds.
const maxWait = 30

// preferredWait reads the wait preference (RFC 7240) in seconds, at most
// maxWait. What is malformed is no preference; of two, the first counts.
func preferredWait(values []string) (seconds int, ok bool) {
	for preference := range strings.SplitSeq(strings.Join(values, ","), ",") {
		preference, _, _ = strings.Cut(preference, ";") // its parameters
		name, value, _ := strings.Cut(preference, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		value = strings.TrimSpace(value)
		if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < '0' || r > '9' }) {
			return 0, false
		}
		seconds, err := strconv.Atoi(value)
		if err != nil || seconds > maxWait {
			return maxWait, true
		}
		return seconds, true
	}
	return 0, false
}

// await honours Prefer: wait after a command that succeeded.
func (s *Server) await(ctx context.Context, c *fiber.Ctx) {
	seconds, preferred := preferredWait(headers(c, "Prefer"))
	if !preferred || s.cfg.Waiter == nil || c.Response().StatusCode() >= 300 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.drained, cancel)()
	applied, live, unconfirmed := s.cfg.Waiter.Wait(ctx, time.Duration(seconds)*time.Second)
	c.Set("Preference-Applied", fmt.Sprintf("wait=%d", seconds))
	c.Set("Tidegate-Applied", fmt.Sprintf("%d/%d", applied, live))
	if unconfirmed > 0 {
		c.Set("Tidegate-Unconfirmed", strconv.Itoa(unconfirmed))
	}
}

// headers answers every value of a header, each copied.
func headers(c *fiber.Ctx, name string) []string {
	raw := c.Request().Header.PeekAll(name)
	values := make([]string, len(raw))
	for i, v := range raw {
		values[i] = string(v)
	}
	return values
}
