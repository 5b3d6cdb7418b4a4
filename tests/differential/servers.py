"""Configurations under which transcripts are played; each is started once per session, ours beside nats-server."""

from tests.differential import operator

PLAIN = "max_payload: 1024\nmax_control_line: 512\nmax_subscription_tokens: 8\n"

USERS = """
authorization {
  users = [
    {user: open, password: x}
    {user: limited, password: x, permissions: {
      publish: {allow: ["a.>", "req"], deny: "a.secret"}
      subscribe: {allow: ["b.>", "_INBOX.>", "q.> work.*"], deny: ["b.secret", "b.*.hidden"]}}}
    {user: responder, password: x, permissions: {
      subscribe: "req", publish: {deny: ">"}, allow_responses: {max: 2, expires: "1m"}}}
    {user: answering, password: x, permissions: {subscribe: "req", allow_responses: true}}
    {user: edges, password: x, permissions: {
      publish: {allow: ["w.*", "x.>"], deny: ["*.secret"]}
      subscribe: {allow: ["w.*", "x.y.>", "d.>", "e.a e.*"], deny: ["*.secret", "d.a grp", "d.*.b grp.>", "x.y.z.*"]}}}
    {user: nothing, password: x, permissions: {publish: {allow: []}, subscribe: {allow: []}}}
    {user: both, password: x, permissions: {publish: "w.a", subscribe: "w.b", allow_responses: true}}
    {user: hashed, password: "$2a$04$Bi0iQO.8oShNa35U/PoPbOa0vsVsEge3n70A9JDOn5YF4ighHld4e"}
  ]
}
"""

MAPPINGS = """
mappings = {
  "m.lit": "mapped.lit"
  "m.*.*": "mapped.$2.$1"
  "m.part.*.x": "part.{{partition(7,1)}}.{{split(1,-)}}"
  "m.lost": [{destination: "m.lost", weight: 0%}]
  "east": [{destination: "e", weight: 100%, cluster: "east"}]
  "pre.>": "post.>"
}
authorization { users = [
  {user: open, password: x}
  {user: mapped, password: x, permissions: {publish: {allow: "mapped.>"}}}
] }
"""

ACCOUNTS = """
accounts {
  A {
    users = [{user: a, password: x}]
    exports = [
      {stream: "s.pub.>"}
      {stream: "s.*.priv", accounts: [B]}
      {stream: "lit"}
      {service: "svc.one"}
      {service: "svc.stream", response_type: stream}
      {service: "svc.chunk", response_type: chunked, response_threshold: "5s", allow_trace: true}
      {service: "svc.*.*"}
      {service: "priv.*", account_token_position: 2}
      {stream: "t.*.data", account_token_position: 2}
    ]
    imports = [{service: {account: C, subject: "chain"}, to: "svc.one"}]
    mappings = {"svc.mapped.here": "svc.there", "map.me": "mapped"}
    msg_trace: {dest: "all.traces", sampling: 100}
  }
  B {
    users = [{user: b, password: x}]
    imports = [
      {stream: {account: A, subject: "s.pub.>"}}
      {stream: {account: A, subject: "s.*.priv"}, to: "from.a.*", allow_trace: true}
      {stream: {account: A, subject: "lit"}, prefix: "pre"}
      {stream: {account: A, subject: "t.B.data"}}
      {service: {account: A, subject: "svc.stream"}, to: "local.stream"}
      {service: {account: A, subject: "svc.chunk"}, share: true}
      {service: {account: A, subject: "svc.*.*"}, to: "swap.$2.$1"}
      {service: {account: A, subject: "svc.one"}, to: "one"}
      {service: {account: A, subject: "priv.B"}, to: "priv"}
    ]
    exports = [{service: "reexport"}]
  }
  C {
    users = [{user: c, password: x}]
    exports = [{service: "chain"}]
    imports = [{stream: {account: A, subject: "s.pub.x"}, to: "mine"}]
  }
}
"""

CONFIGS = {
    "plain": PLAIN,
    "users": USERS,
    "mappings": MAPPINGS,
    "accounts": ACCOUNTS,
    "operator": operator.CONFIG,
}
