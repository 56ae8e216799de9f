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
// in their configuration, and lists tell of more than events, so these requests go
// to the relays (libs/bus: door.go). What they let be pushed goes to a subject
// that is, in the readers' account, their inbox, and nothing else anywhere.
func settings(internal, reader string) string {
	exports := []string{`{stream: "tidegate.events.>", accounts: [EVENTS]}`, `{stream: "tidegate.delivery.>", accounts: [EVENTS]}`}
	imports := []string{
		`{stream: {account: TIDEGATE, subject: "tidegate.events.>"}}`,
		`{stream: {account: TIDEGATE, subject: "tidegate.delivery.>"}, to: "_INBOX.>"}`,
	}
	var publish []string
	export := func(service, response string) {
		exports = append(exports, fmt.Sprintf("{service: %q%s, accounts: [EVENTS]}", service, response))
	}
	direct := func(service, response string) {
		export(service, response)
		imports = append(imports, fmt.Sprintf("{service: {account: TIDEGATE, subject: %q}}", service))
		publish = append(publish, service)
	}
	door := func(subject, call string) {
		imports = append(imports, fmt.Sprintf("{service: {account: TIDEGATE, subject: %q}, to: %q}", "tidegate.door."+subject, "$JS.API."+call))
		publish = append(publish, "$JS.API."+call)
	}
	export("tidegate.door.ACCOUNT.*", "")
	// An account that imports this call is spared the server's own import of all
	// of JetStream, which would answer before ours do.
	door("ACCOUNT.INFO", "INFO")
	door("ACCOUNT.NAMES", "STREAM.NAMES")
	door("ACCOUNT.LIST", "STREAM.LIST")
	for _, stream := range streams {
		direct("$JS.API.STREAM.INFO."+stream, "")
		direct("$JS.API.STREAM.MSG.GET."+stream, "")
		direct("$JS.API.CONSUMER.INFO."+stream+".*", "")
		direct("$JS.API.CONSUMER.DELETE."+stream+".*", "")
		direct("$JS.ACK."+stream+".*.>", "")
		direct("$JS.ACK.*.*."+stream+".*.>", "")
		direct("$JS.FC."+stream+".*.*", "")
		direct("$JS.FC.*.*."+stream+".*.*", "")
		direct("$JS.API.CONSUMER.MSG.NEXT."+stream+".*", ", response_type: stream")
		export("tidegate.door."+stream+".>", "")
		door(stream+".CREATE", "CONSUMER.CREATE."+stream)
		door(stream+".CREATE.>", "CONSUMER.CREATE."+stream+".>")
		door(stream+".DURABLE.*", "CONSUMER.DURABLE.CREATE."+stream+".*")
		door(stream+".NAMES", "CONSUMER.NAMES."+stream)
		door(stream+".LIST", "CONSUMER.LIST."+stream)
	}
	return fmt.Sprintf(`
server_name: tidegate
jetstream: { sync_interval: always }
accounts: {
  TIDEGATE: {
    jetstream: enabled
    users: [{user: internal, password: %q, allowed_connection_types: ["IN_PROCESS"]}]
    exports: [
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
