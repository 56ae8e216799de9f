package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

func keyringResealCommand(s *session) *cobra.Command {
	var batch int
	c := &cobra.Command{
		Use: "reseal", Short: "Make again what rests on the keys before", Args: noArgs,
		Long: `Make again, under the keys in use, what rests on the keys before: what gateways
verify secrets with, what is kept to do so again, the claims on secrets that
nobody else may have, private signing keys, and the keys of personal data.

Nobody's secret changes, and calls go on meanwhile. It goes through everything in
parts, each of which is one short transaction; stopped, it is run again.`,
	}
	c.Flags().IntVar(&batch, "batch", 200, "how many rows a transaction has, 1 to 1000")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if batch < 1 || batch > 1000 {
			return usage("--batch: want 1 to 1000")
		}
		return s.reseal(c.Context(), batch)
	}
	return c
}

func (s *session) reseal(ctx context.Context, batch int) error {
	if err := s.agreed(ctx); err != nil {
		return err
	}
	var items []any
	stuck := 0
	for _, service := range ringServices() {
		before, err := s.resting(ctx, service)
		if err != nil {
			return err
		}
		sum, err := s.resealService(ctx, service, before.Examined, batch)
		if err != nil {
			return err
		}
		stuck += len(sum.Stuck)
		for _, row := range sum.Stuck {
			s.say("%s is left as it is: %s", row.Key, row.Reason)
		}
		items = append(items, map[string]any{"service": service, "examined": sum.Examined, "resealed": sum.Resealed, "stuck": len(sum.Stuck)})
	}
	if err := s.printList([]column{{"SERVICE", "service"}, {"EXAMINED", "examined"}, {"RESEALED", "resealed"}, {"STUCK", "stuck"}}, items); err != nil {
		return err
	}
	if stuck > 0 {
		return fmt.Errorf("%d rows still rest on the keys before: mend them as is said above, and run this again", stuck)
	}
	s.say("now run `tidegate keyring retire`")
	return nil
}

// agreed refuses while replicas use different keys: what one makes again the
// other would make under the older.
func (s *session) agreed(ctx context.Context) error {
	all, err := s.rings(ctx)
	if err != nil {
		return err
	}
	var active []string
	for _, key := range all[ringServices()[0]].Keys {
		if key.State == "active" {
			active = append(active, key.ID)
		}
	}
	if others := all.without(uses(active)); len(others) > 0 {
		return fmt.Errorf("not everybody uses the keys %s yet: %s; run `tidegate keyring rotate` again", strings.Join(active, ", "), strings.Join(others, ", "))
	}
	return nil
}

func (s *session) resealService(ctx context.Context, service string, total, batch int) (httpapi.Resting, error) {
	began, told := time.Now(), time.Time{}
	examined, resealed := 0, 0
	tell := func() {
		rate := float64(examined) / max(time.Since(began).Seconds(), 0.001)
		s.say("%s: %d of %d rows looked at, %d made again, %.0f/s", service, examined, max(total, examined), resealed, rate)
		told = time.Now()
	}
	sum, err := s.walk(ctx, service, func(ctx context.Context, cursor string) (httpapi.Resting, error) {
		part, err := fetch[httpapi.Resting](ctx, s.client(), http.MethodPost, "/v1/operations/"+service+"/keyring/reseal", nil,
			map[string]any{"cursor": cursor, "limit": batch})
		examined, resealed = examined+part.Examined, resealed+part.Resealed
		if err == nil && time.Since(told) > time.Second {
			tell()
		}
		return part, err
	})
	tell()
	return sum, err
}
