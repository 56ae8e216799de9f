package httpapi

import "strconv"

// Answer is what a command answers: Object, Created or Empty.
type Answer interface {
	// parts are the headers and the body (nil: none) as they are kept for a
	// replay.
	parts() (header map[string]string, body any)
}

// Object answers one object, with its version as ETag.
type Object[T any] struct {
	ETag string `header:"ETag" doc:"The object's version." example:"\"3\""`
	Body T
}

// NewObject answers an object at a version.
func NewObject[T any](version int64, body T) *Object[T] {
	return &Object[T]{ETag: etag(version), Body: body}
}

// Created answers a new object. Its operation has the Status 201.
type Created[T any] struct {
	ETag     string `header:"ETag" doc:"The object's version." example:"\"1\""`
	Location string `header:"Location" doc:"Where the new object is."`
	Body     T
}

// NewCreated answers a new object at a location, such as "/v1/consumers/acme".
func NewCreated[T any](location string, version int64, body T) *Created[T] {
	return &Created[T]{ETag: etag(version), Location: location, Body: body}
}

// Empty answers 204.
type Empty struct{}

// List answers a page of objects.
type List[T any] struct{ Body Page[T] }

// Page is a part of a list, in a stable order.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor" doc:"Give it as cursor to get what follows; empty when there is nothing more."`
}

func (o *Object[T]) parts() (map[string]string, any) {
	return map[string]string{"ETag": o.ETag}, o.Body
}

func (c *Created[T]) parts() (map[string]string, any) {
	return map[string]string{"ETag": c.ETag, "Location": c.Location}, c.Body
}

func (*Empty) parts() (map[string]string, any) { return nil, nil }

var (
	_ Answer = (*Object[int])(nil)
	_ Answer = (*Created[int])(nil)
	_ Answer = (*Empty)(nil)
)

// etag writes a version as an entity tag.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
