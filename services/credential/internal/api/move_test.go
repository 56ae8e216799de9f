package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

const toCookie = `{"placement":{"in":"cookie","name":"k"}}`

func TestAKeyIsMovedToACookieWhenItFits(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	refused := func(t *testing.T, r *httpapitest.Response) {
		t.Helper()
		if problem := r.Refused(t, 422, "validation_failed"); problem.Errors[0].Location != "body.placement.in" {
			t.Fatalf("the faults are %v", problem.Errors)
		}
	}
	t.Run("one of ours", func(t *testing.T) {
		d := s.issue(t, `{"name":"1","type":"api_key"}`)
		dev.Patch(t, d.path(), toCookie).Want(t, 200)
		dev.Patch(t, d.path(), `{"placement":{"name":"other"}}`).Want(t, 200)
	})
	t.Run("not one that was brought along, wherever it is from", func(t *testing.T) {
		d := s.issue(t, `{"name":"2","type":"api_key","config":{"key":"semi;colon-0123456789"}}`)
		hash := s.issue(t, `{"name":"3","type":"api_key","placement":{"in":"query","name":"k"},"config":{"key_sha256":"`+strings.Repeat("ab", 32)+`"}}`)
		for _, each := range []document{d, hash} {
			refused(t, dev.Patch(t, each.path(), toCookie))
			dev.Patch(t, each.path(), `{"placement":{"in":"query","name":"q"}}`).Want(t, 200)
		}
	})
	t.Run("but one that came into a cookie may stay in cookies", func(t *testing.T) {
		d := s.issue(t, `{"name":"4","type":"api_key","placement":{"in":"cookie","name":"a"},"config":{"key":"fit-for-cookies-0123"}}`)
		dev.Patch(t, d.path(), toCookie).Want(t, 200)
		dev.Post(t, d.path()+"/rotate", `{"config":{"key":"semi;colon-0123456789"}}`).Refused(t, 422, "validation_failed")
		dev.Patch(t, d.path(), `{"placement":{"in":"header","name":"X-Key"}}`).Want(t, 200)
		refused(t, dev.Patch(t, d.path(), toCookie))
	})
	t.Run("nor while one that was brought along is still accepted", func(t *testing.T) {
		d := s.issue(t, `{"name":"5","type":"api_key","config":{"key":"brought-along-0123456"}}`)
		dev.Post(t, d.path()+"/rotate", `{"overlap_seconds":3600}`).Want(t, 200)
		refused(t, dev.Patch(t, d.path(), toCookie))
		s.later(time.Hour)
		s.sweep(t)
		dev.Patch(t, d.path(), toCookie).Want(t, 200)
	})
	t.Run("tokens anywhere", func(t *testing.T) {
		d := s.issue(t, `{"name":"6","type":"jwt","config":{"key":"k","secret":"semi;colon, and more"}}`)
		moved := read(t, dev.Patch(t, d.path(), toCookie).Want(t, 200))
		if !cmp.Equal(moved["placement"], map[string]any{"in": "cookie", "name": "k"}) {
			t.Fatalf("it is in %v", moved["placement"])
		}
	})
}

// TestARotationAndAMoveDoNotPassEachOther has a rotation and a move, each fine by
// itself, meet: the second is judged again for what the first has made.
func TestARotationAndAMoveDoNotPassEachOther(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	const unfit = `{"config":{"key":"semi;colon-0123456789"}}`
	meanwhile := func(call func()) {
		s.between = func() { s.between = func() {}; call() }
	}
	t.Run("a move meets a rotation", func(t *testing.T) {
		d := s.issue(t, `{"name":"1","type":"api_key"}`)
		meanwhile(func() { dev.Post(t, d.path()+"/rotate", unfit).Want(t, 200) })
		dev.Patch(t, d.path(), toCookie).Refused(t, 422, "validation_failed")
		dev.Delete(t, d.path()).Want(t, 204)
	})
	t.Run("a rotation meets a move", func(t *testing.T) {
		d := s.issue(t, `{"name":"2","type":"api_key"}`)
		meanwhile(func() { dev.Patch(t, d.path(), toCookie).Want(t, 200) })
		dev.Post(t, d.path()+"/rotate", unfit).Refused(t, 422, "validation_failed")
	})
	t.Run("a rotation keeps what a patch has changed meanwhile", func(t *testing.T) {
		d := s.issue(t, strings.Replace(kinds()[3].body("3", kinds()[3].least), "partner", "meeting", 1))
		meanwhile(func() { dev.Patch(t, d.path(), `{"config":{"leeway_seconds":9}}`).Want(t, 200) })
		rotated := read(t, dev.Post(t, d.path()+"/rotate", `{"config":`+kinds()[3].next+`}`).Want(t, 200))
		if config := rotated["config"].(map[string]any); config["leeway_seconds"] != 9.0 {
			t.Fatalf("the config is %v", config)
		}
	})
}
