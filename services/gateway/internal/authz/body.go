package authz

// HasBody says whether calls of a method usually have a body. One whose body
// nobody announces and only somebody else sees is taken to have one.
func HasBody(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "DELETE":
		return false
	}
	return true
}
