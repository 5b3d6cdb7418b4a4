// The npm package @scaleway/sdk through the life of an account, and each typed error that it knows of ours.
// Reads {owner, viewer, busy, shared, modules} as JSON from its first argument; prints {file, endpoint} as JSON.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const asked = JSON.parse(process.argv[2]);
const load = createRequire(asked.modules);
const { createClient, Mnqv1beta1, Accountv3 } = load("@scaleway/sdk");
const { Errors } = load("@scaleway/sdk-client");

function apiOf(key) {
  const client = createClient({
    accessKey: key.access_key, secretKey: key.secret_key, apiURL: key.api_url,
    defaultProjectId: key.default_project_id, defaultOrganizationId: key.organization_id, defaultRegion: key.region,
  });
  return { nats: new Mnqv1beta1.NatsAPI(client), projects: new Accountv3.ProjectAPI(client) };
}

const { nats, projects } = apiOf(asked.owner);
const names = (list) => list.map((one) => one.name);

const project = await projects.createProject({ name: "js-sdk", description: "" });
const within = { projectId: project.id };
const accounts = [];
for (let i = 0; i < 7; i += 1) accounts.push(await nats.createNatsAccount({ name: `n${String(i).padStart(2, "0")}`, ...within }));
const account = accounts[0];
assert.equal(account.projectId, project.id);
assert.ok(account.createdAt instanceof Date && !Number.isNaN(account.createdAt.getTime()));
assert.deepEqual(names(await nats.listNatsAccounts({ ...within, pageSize: 3 }).all()), names(accounts));
assert.equal((await nats.listNatsAccounts({ ...within, page: 9 })).natsAccounts.length, 0);
assert.equal((await nats.updateNatsAccount({ natsAccountId: account.id, name: "renamed" })).name, "renamed");
assert.equal((await nats.getNatsAccount({ natsAccountId: account.id })).name, "renamed");

const made = await nats.createNatsCredentials({ natsAccountId: account.id, name: "app" });
assert.equal(made.credentials.name, "user.creds");
const read = await nats.getNatsCredentials({ natsCredentialsId: made.id });
assert.equal(read.credentials, undefined);
assert.equal(read.checksum, made.checksum);
const other = await nats.createNatsCredentials({ natsAccountId: account.id, name: "gone" });
await nats.deleteNatsCredentials({ natsCredentialsId: other.id });
assert.deepEqual(names((await nats.listNatsCredentials({ natsAccountId: account.id })).natsCredentials), ["app"]);

async function error(call, kind) {
  const caught = await call.then(() => assert.fail(`${kind.name} expected`), (thrown) => thrown);
  assert.ok(caught instanceof kind, `${kind.name} expected, not ${caught.name}: ${caught.message}`);
  return caught;
}

const invalid = await error(nats.getNatsAccount({ natsAccountId: "Wrong-id" }), Errors.InvalidArgumentsError);
assert.equal(invalid.details[0].argumentName, "nats_account_id");
const missing = await error(nats.getNatsAccount({ natsAccountId: "A".repeat(56) }), Errors.ResourceNotFoundError);
assert.equal(missing.resource, "nats_account");
await error(nats.createNatsAccount({ name: "n01", ...within }), Errors.AlreadyExistsError);
await error(projects.deleteProject({ projectId: project.id }), Errors.PreconditionFailedError);
const viewer = apiOf(asked.viewer).nats;
assert.ok((await viewer.listNatsAccounts()).totalCount > 0);
await error(viewer.createNatsAccount({ name: "no", projectId: asked.shared }), Errors.PermissionsDeniedError);
const quota = await error(nats.createNatsAccount({ name: "over", projectId: asked.shared }), Errors.QuotasExceededError);
assert.deepEqual(quota.list, [{ current: 1, quota: 1, resource: "nats_account", scope: undefined }]);
const stranger = apiOf({ ...asked.owner, secret_key: "11111111-1111-1111-1111-111111111111" }).nats;
// What is left of the classes has no meaning here: nothing is ever in a transient state, locked, expired (a key that
// is says so as denied_authentication) or out of stock.
const busy = apiOf(asked.busy).nats;
const many = await error((async () => { for (;;) await busy.listNatsAccounts(); })(), Errors.TooManyRequestsError);
assert.deepEqual(many.limit, { quota: 20, windowSeconds: 60 });
assert.ok(many.resetSeconds > 0 && many.resetSeconds <= 60 && many.resetAt > Date.now() - 60_000);
const denied = await error(stranger.listNatsAccounts(), Errors.DeniedAuthenticationError);
assert.equal(denied.reason, "not_found");

for (const one of accounts.slice(1)) await nats.deleteNatsAccount({ natsAccountId: one.id });
console.log(JSON.stringify({ file: made.credentials.content, endpoint: account.endpoint }));
