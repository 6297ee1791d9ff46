// Access tokens on a server that enforces them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { AppendInput, AppendRecord, S2Error } from "@s2-dev/streamstore";

import { batch, fresh, refused, ROOT_TOKEN, serve, take, TRANSPORTS } from "./server.js";

const server = await serve("--token-env", "ROOT_TOKEN", "--auth");
const ALL = { prefix: "" };
const READ_WRITE = { read: true, write: true };
const EVERYTHING = { account: READ_WRITE, basin: READ_WRITE, stream: READ_WRITE };
const scope = (parts = {}) => ({ basins: ALL, streams: ALL, accessTokens: ALL, opGroups: EVERYTHING, ...parts });
const root = () => server.s2(ROOT_TOKEN);

async function holder(scope, more = {}) {
  const { accessToken } = await root().accessTokens.issue({ id: fresh("token"), scope, ...more });
  return server.s2(accessToken);
}

async function newBasin() {
  const basin = fresh("basin");
  await root().basins.create({ basin });
  await root().basin(basin).streams.create({ stream: "stream" });
  return basin;
}

test("an unknown token is refused", async () => {
  const stranger = server.s2("unknown");
  await refused(403, "permission_denied", stranger.basins.list());
  for (const forceTransport of TRANSPORTS) {
    const stream = stranger.basin(fresh("basin")).stream("s", { forceTransport });
    await refused(403, "permission_denied", stream.checkTail());
    await refused(403, "permission_denied", async () => take(await stream.readSession()));
    const session = await stream.appendSession();
    await refused(403, "permission_denied", async () => (await session.submit(batch(["x"]))).ack());
    await session.close().catch(() => {});
  }
});

const SCOPES = {
  operations: { ops: ["list-basins", "append"], basins: ALL },
  "reading operations": { opGroups: { account: { read: true }, stream: { read: true } } },
  "reading and writing operations": { opGroups: EVERYTHING },
  "one basin": scope({ basins: { exact: "my-basin" } }),
  "basins by prefix": scope({ basins: { prefix: "my-" } }),
  "one stream": scope({ streams: { exact: "a/b" } }),
  "streams by prefix": scope({ streams: { prefix: "a/" } }),
};

for (const [what, asked] of Object.entries(SCOPES)) {
  test(`issued for ${what}, and listed`, async () => {
    const id = fresh("token");
    assert.ok((await root().accessTokens.issue({ id, scope: asked })).accessToken);
    const { accessTokens } = await root().accessTokens.list({ prefix: id });
    assert.deepEqual(accessTokens.map((one) => one.id), [id]);
    for (const part of ["basins", "streams"]) {
      if (asked[part]) assert.deepEqual(accessTokens[0].scope[part], asked[part]);
    }
  });
}

test("it may expire", async () => {
  const [id, expiresAt] = [fresh("token"), new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3_600_000)];
  await root().accessTokens.issue({ id, scope: scope(), expiresAt });
  assert.deepEqual((await root().accessTokens.list({ prefix: id })).accessTokens[0].expiresAt, expiresAt);
});

test("ids", async () => {
  const id = fresh("token");
  await root().accessTokens.issue({ id, scope: scope() });
  await refused(409, "resource_already_exists", root().accessTokens.issue({ id, scope: scope() }));
  for (const wrong of ["", "x".repeat(97)]) {
    await assert.rejects((async () => root().accessTokens.issue({ id: wrong, scope: scope() }))(), S2Error);
  }
});

test("listed in pages", async () => {
  const prefix = fresh("t");
  const ids = ["0", "1", "2"].map((end) => `${prefix}-${end}`);
  for (const id of ids) await root().accessTokens.issue({ id, scope: scope() });
  const first = await root().accessTokens.list({ prefix, limit: 2 });
  assert.deepEqual([first.accessTokens.map((one) => one.id), first.hasMore], [ids.slice(0, 2), true]);
  const rest = await root().accessTokens.list({ prefix, startAfter: ids[1] });
  assert.deepEqual(rest.accessTokens.map((one) => one.id), [ids[2]]);
  const all = [];
  for await (const one of root().accessTokens.listAll({ prefix, limit: 1 })) all.push(one.id);
  assert.deepEqual(all, ids);
  assert.deepEqual((await root().accessTokens.list({ prefix: fresh("none") })).accessTokens, []);
});

test("revoked", async () => {
  const id = fresh("token");
  const { accessToken } = await root().accessTokens.issue({ id, scope: scope() });
  await server.s2(accessToken).basins.list();
  await root().accessTokens.revoke({ id });
  await refused(403, "permission_denied", server.s2(accessToken).basins.list());
  await refused(404, "access_token_not_found", root().accessTokens.revoke({ id }));
});

test("basins by prefix", async () => {
  const prefix = fresh("b");
  const one = await holder(scope({ basins: { prefix } }));
  await one.basins.create({ basin: `${prefix}-mine` });
  assert.deepEqual((await one.basins.list()).basins.map((basin) => basin.name), [`${prefix}-mine`]);
  await refused(403, "permission_denied", one.basins.create({ basin: fresh("other") }));
});

test("another basin", async () => {
  const [mine, other] = [await newBasin(), await newBasin()];
  const one = await holder(scope({ basins: { exact: mine } }));
  await one.basin(mine).stream("stream").checkTail();
  await refused(403, "permission_denied", one.basin(other).stream("stream").checkTail());
});

test("operations", async () => {
  const basin = await newBasin();
  const one = await holder({ basins: ALL, streams: ALL, ops: ["append", "read"] });
  const stream = one.basin(basin).stream("stream");
  await stream.append(batch(["x"]));
  assert.equal((await stream.read({ start: { from: { seqNum: 0 } } })).records.length, 1);
  await refused(403, "permission_denied", stream.append(AppendInput.create([AppendRecord.fence("t")])));
  await refused(403, "permission_denied", stream.append(AppendInput.create([AppendRecord.trim(1)])));
  await refused(403, "permission_denied", one.basin(basin).streams.create({ stream: "new" }));
  await refused(403, "permission_denied", one.accessTokens.list());
});

test("nobody issues more than they have", async () => {
  const one = await holder(scope({ basins: { prefix: "narrow-" } }));
  await one.accessTokens.issue({ id: fresh("less"), scope: scope({ basins: { prefix: "narrow-er" } }) });
  await refused(403, "permission_denied", one.accessTokens.issue({ id: fresh("more"), scope: scope() }));
});

test("stream names are prefixed", async () => {
  const basin = await newBasin();
  const one = await holder(scope({ streams: { prefix: "tenant/" } }), { autoPrefixStreams: true });
  await one.basin(basin).streams.create({ stream: "orders" });
  for (const forceTransport of TRANSPORTS) {
    const session = await one.basin(basin).stream("orders", { forceTransport }).appendSession();
    await (await session.submit(batch(["x"]))).ack();
    await session.close();
  }
  assert.deepEqual((await one.basin(basin).streams.list()).streams.map((stream) => stream.name), ["orders"]);
  assert.equal((await root().basin(basin).stream("tenant/orders").checkTail()).tail.seqNum, 2);
  const exact = { id: fresh("t"), scope: scope({ streams: { exact: "one" } }), autoPrefixStreams: true };
  await refused(422, "invalid", root().accessTokens.issue(exact));
});
