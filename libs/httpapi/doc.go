// Package httpapi is the management API's common rules, so that a service
// writes its resources and nothing else: authentication and the table of who
// may do what, validation, problem answers, ETag and If-Match, Idempotency-Key,
// Prefer: wait, cursors, histories, and the OpenAPI document.
//
// A handler is a function from an input struct to an output struct:
//
//	httpapi.Register(api, httpapi.Operation{
//		ID: "suspend-consumer", Method: "POST", Path: "/v1/consumers/{id}/suspend",
//		Summary: "Suspend a consumer",
//	}, func(ctx context.Context, in *suspendInput) (*httpapi.Object[Consumer], error) {
//		consumer, err := es.Get[views.Consumer](ctx, store, "consumers", in.ID)
//		if err != nil {
//			return nil, err
//		}
//		if err := httpapi.Authorize(ctx, httpapi.Access{
//			Object: httpapi.Consumer, Verb: httpapi.Write, Team: consumer.Team,
//		}); err != nil {
//			return nil, err
//		}
//		return httpapi.Command(ctx,
//			func(opts ...es.Option) error {
//				_, err := consumers.Handle(ctx, in.ID, domain.Suspend{Reason: in.Body.Reason}, opts...)
//				return err
//			},
//			func(ctx context.Context, r es.Reader) (*httpapi.Object[Consumer], error) {
//				return show(ctx, r, in.ID)
//			})
//	})
//
// Input structs are read by huma: fields tagged path, query or header, and a
// field Body; structs that are embedded must be exported; bounds are tags (minLength, maxLength, pattern, enum, minimum,
// maximum, format, maxItems). A body field without omitempty or omitzero is
// required. Embed Paging in the input of a list. If-Match, Idempotency-Key and
// Prefer need no field: the server reads them and Command honours them.
//
// What it does not do: it does not look at TLS, it does not limit rates, and it
// never logs a query string, a body or a token.
package httpapi
