package embedded

import (
	"fmt"
	"strings"
)

// settings is the server's configuration. deploy/nats has the same accounts for
// a cluster; a test holds the two to the same permissions of readers.
//
// Readers are in an account of their own, and not merely a user with few
// permissions: whoever may send a JetStream request in an account chooses the
// subject on which it is answered, and so could have answers published as events.
// Across accounts an answer comes back to who asked. Consumers name such a subject
// in their configuration, so readers' requests for consumers go to the relays
// (libs/bus: door.go), which see to it that they are pulled and pass away.
func settings(internal, reader string) string {
	// An account that imports this call is spared the server's own import of all
	// of JetStream, which would answer before ours do. Readers may not send it.
	exports := []string{`{service: "$JS.API.INFO", accounts: [EVENTS]}`}
	imports := []string{`{service: {account: TIDEGATE, subject: "$JS.API.INFO"}}`}
	var publish []string
	for _, stream := range streams {
		for _, call := range []string{"STREAM.INFO." + stream, "CONSUMER.INFO." + stream + ".*", "CONSUMER.DELETE." + stream + ".*"} {
			exports = append(exports, fmt.Sprintf("{service: %q, accounts: [EVENTS]}", "$JS.API."+call))
			imports = append(imports, fmt.Sprintf("{service: {account: TIDEGATE, subject: %q}}", "$JS.API."+call))
			publish = append(publish, "$JS.API."+call)
		}
		for _, ack := range []string{"$JS.ACK." + stream + ".*.>", "$JS.ACK.*.*." + stream + ".*.>"} {
			exports = append(exports, fmt.Sprintf("{service: %q, accounts: [EVENTS]}", ack))
			imports = append(imports, fmt.Sprintf("{service: {account: TIDEGATE, subject: %q}}", ack))
			publish = append(publish, ack)
		}
		next := "$JS.API.CONSUMER.MSG.NEXT." + stream + ".*"
		exports = append(exports, fmt.Sprintf("{service: %q, response_type: stream, accounts: [EVENTS]}", next))
		imports = append(imports, fmt.Sprintf("{service: {account: TIDEGATE, subject: %q}}", next))
		door, create := "tidegate.door."+stream+".>", "$JS.API.CONSUMER.CREATE."+stream+".>"
		exports = append(exports, fmt.Sprintf("{service: %q, accounts: [EVENTS]}", door))
		imports = append(imports, fmt.Sprintf("{service: {account: TIDEGATE, subject: %q}, to: %q}", door, create))
		publish = append(publish, next, create)
	}
	return fmt.Sprintf(`
server_name: tidegate
jetstream: { sync_interval: always }
accounts: {
  TIDEGATE: {
    jetstream: enabled
    users: [{user: internal, password: %q, allowed_connection_types: ["IN_PROCESS"]}]
    exports: [
      {stream: "tidegate.events.>", accounts: [EVENTS]}
      %s
    ]
  }
  EVENTS: {
    users: [{
      user: reader, password: %q
      permissions: {
        publish: {allow: [%s]}
        subscribe: {allow: ["tidegate.events.>", "_INBOX.>"]}
      }
    }]
    imports: [
      {stream: {account: TIDEGATE, subject: "tidegate.events.>"}}
      %s
    ]
  }
}
`, internal, strings.Join(exports, "\n      "), reader, quoted(publish), strings.Join(imports, "\n      "))
}

// streams are those that a reader may read.
var streams = []string{"TIDEGATE_CONSUMER", "TIDEGATE_CREDENTIAL", "TIDEGATE_CATALOG", "TIDEGATE_SUBSCRIPTION"}

func quoted(subjects []string) string {
	all := make([]string, len(subjects))
	for i, subject := range subjects {
		all[i] = fmt.Sprintf("%q", subject)
	}
	return strings.Join(all, ", ")
}
