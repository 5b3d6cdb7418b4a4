// Ready-made connections for this server and this file. Pure; every value is quoted for the language it stands in.

/** For a POSIX shell: bare when that is safe, else in single quotes. */
export function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

const quoted = (text) => JSON.stringify(text);

function cli({ url, file, context, subject }) {
  return `nats context save ${shellWord(context)} \\
  --server ${shellWord(url)} \\
  --creds ${shellWord("./" + file)} --select
nats sub ${shellWord(subject)}`;
}

function python({ url, file, hello }) {
  return `# pip install "nats-py[nkeys]"
import asyncio
import nats

async def main():
    nc = await nats.connect(${quoted(url)}, user_credentials=${quoted(file)})
    await nc.publish(${quoted(hello)}, b"first message")
    await nc.drain()

asyncio.run(main())`;
}

function go({ url, file, hello }) {
  return `// go get github.com/nats-io/nats.go
nc, err := nats.Connect(${quoted(url)}, nats.UserCredentials(${quoted(file)}))
if err != nil {
	log.Fatal(err)
}
defer nc.Drain()
nc.Publish(${quoted(hello)}, []byte("first message"))`;
}

function javascript({ url, file, hello }) {
  return `// npm install @nats-io/transport-node
import { readFileSync } from "node:fs";
import { connect, credsAuthenticator } from "@nats-io/transport-node";

const nc = await connect({
  servers: ${quoted(url)},
  authenticator: credsAuthenticator(readFileSync(${quoted(file)})),
});
nc.publish(${quoted(hello)}, "first message");
await nc.drain();`;
}

export const LANGUAGES = [["CLI", cli], ["Python", python], ["Go", go], ["JavaScript", javascript]];

/** `nats pub …` that sends one message again; headers are [[name, value], …]. */
export function natsPub({ subject, reply, headers, payload }) {
  const words = ["nats pub"];
  if (reply) words.push("--reply", shellWord(reply));
  for (const [name, value] of headers) words.push("-H", shellWord(`${name}:${value}`));
  return [...words, shellWord(subject), payload ? shellWord(payload) : "''"].join(" ");
}

/** What Scaleway's CLI, SDKs and Terraform provider read, as `manage.py api_key create` prints it; `made` is the API's answer. */
export function environmentOf(made) {
  const values = {
    SCW_API_URL: made.api_url,
    SCW_ACCESS_KEY: made.api_key.access_key,
    SCW_SECRET_KEY: made.secret_key,
    SCW_DEFAULT_PROJECT_ID: made.api_key.project_id,
    SCW_DEFAULT_ORGANIZATION_ID: made.organization_id,
    SCW_DEFAULT_REGION: made.region,
  };
  return Object.entries(values).map(([name, value]) => `export ${name}=${shellWord(value)}`).join("\n");
}

/** What a context may be called: natscli takes no path characters or spaces. */
export const contextName = (namespace) => namespace.replace(/[^\w.-]+/g, "-");
