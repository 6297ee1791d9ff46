// Basins and streams: their life, configuration and lists.

import assert from "node:assert/strict";
import { test } from "node:test";

import { S2Error } from "@s2-dev/streamstore";

import { batch, client, fresh, newStream, refused, serve } from "./server.js";

const server = await serve();
const DAY = 86_400;
const FULL = {
  storageClass: "standard",
  retentionPolicy: { ageSecs: DAY },
  timestamping: { mode: "client-require", uncapped: true },
  deleteOnEmpty: { minAgeSecs: 3_600 },
};

const STREAM_CONFIGS = {
  "storage class standard": { storageClass: "standard" },
  "storage class express": { storageClass: "express" },
  "retention by age": { retentionPolicy: { ageSecs: DAY } },
  "infinite retention": { retentionPolicy: { infinite: {} } },
  "client-prefer": { timestamping: { mode: "client-prefer" } },
  "client-require": { timestamping: { mode: "client-require" } },
  arrival: { timestamping: { mode: "arrival" } },
  uncapped: { timestamping: { uncapped: true } },
  "delete on empty": { deleteOnEmpty: { minAgeSecs: 3_600 } },
  everything: FULL,
};

function includes(found, wanted, path = "") {
  for (const [key, value] of Object.entries(wanted)) {
    if (value !== null && typeof value === "object") includes(found?.[key], value, `${path}.${key}`);
    else assert.equal(found?.[key], value, `${path}.${key}`);
  }
}

test("a basin from its creation to its deletion", async () => {
  const s2 = server.s2();
  const basin = fresh("basin");
  const created = await s2.basins.create({ basin });
  assert.equal(created.name, basin);
  assert.ok(created.createdAt instanceof Date);
  await refused(409, "resource_already_exists", s2.basins.create({ basin }));
  assert.deepEqual((await s2.basins.list({ prefix: basin })).basins.map((one) => one.name), [basin]);
  await s2.basins.delete({ basin });
  await refused(409, "basin_deletion_pending", s2.basins.create({ basin }));
  const shown = [];
  for await (const one of s2.basins.listAll({ prefix: basin, includeDeleted: true })) shown.push(one);
  assert.ok(shown.every((one) => one.deletedAt instanceof Date));
});

test("a basin of a full configuration, and its streams inherit it", async () => {
  const s2 = server.s2();
  const config = { createStreamOnAppend: true, createStreamOnRead: true, defaultStreamConfig: FULL };
  const basin = fresh("basin");
  await s2.basins.create({ basin, config });
  includes(await s2.basins.getConfig({ basin }), config);
  await s2.basin(basin).streams.create({ stream: "inherits" });
  includes(await s2.basin(basin).streams.getConfig({ stream: "inherits" }), FULL);
});

test("a basin is ensured", async () => {
  const s2 = server.s2();
  const basin = fresh("basin");
  const config = { createStreamOnAppend: true };
  assert.equal((await s2.basins.ensure({ basin, config })).result, "created");
  assert.equal((await s2.basins.ensure({ basin, config })).result, "noop");
  assert.equal((await s2.basins.ensure({ basin, config: { createStreamOnAppend: false } })).result, "updated");
});

test("a basin is reconfigured in part", async () => {
  const s2 = server.s2();
  const basin = fresh("basin");
  await s2.basins.create({ basin, config: { createStreamOnRead: true, defaultStreamConfig: FULL } });
  let config = await s2.basins.reconfigure({ basin, createStreamOnAppend: true });
  includes(config, { createStreamOnAppend: true, createStreamOnRead: true, defaultStreamConfig: FULL });
  config = await s2.basins.reconfigure({ basin, defaultStreamConfig: { retentionPolicy: { infinite: {} } } });
  includes(config, { defaultStreamConfig: { ...FULL, retentionPolicy: { infinite: {} } } });
  config = await s2.basins.reconfigure({ basin, defaultStreamConfig: { deleteOnEmpty: null } });
  assert.ok(!config.defaultStreamConfig.deleteOnEmpty?.minAgeSecs);
  includes(await s2.basins.reconfigure({ basin }), config);
});

test("a basin that does not exist is not found", async () => {
  const s2 = server.s2();
  const basin = fresh("basin");
  await refused(404, "basin_not_found", s2.basins.getConfig({ basin }));
  await refused(404, "basin_not_found", s2.basins.reconfigure({ basin, createStreamOnRead: true }));
  await refused(404, "basin_not_found", s2.basins.delete({ basin }));
  await refused(404, "basin_not_found", s2.basin(basin).stream("s").checkTail());
});

for (const basin of ["short", "a".repeat(49), "Test-Basin-Name", "test_basin_name", "-test-basin", "test-basin-", ""]) {
  test(`"${basin}" is no name of a basin`, async () => {
    await assert.rejects(server.s2().basins.create({ basin }), S2Error);
  });
}

test("no retention of zero", async () => {
  const s2 = server.s2();
  const zero = { retentionPolicy: { ageSecs: 0 } };
  const { basin, name } = await newStream(s2);
  await refused(422, "invalid", s2.basins.create({ basin: fresh("basin"), config: { defaultStreamConfig: zero } }));
  await refused(422, "invalid", s2.basins.reconfigure({ basin, defaultStreamConfig: zero }));
  await refused(422, "invalid", s2.basin(basin).streams.create({ stream: "zero", config: zero }));
  await refused(422, "invalid", s2.basin(basin).streams.reconfigure({ stream: name, ...zero }));
});

test("basins are listed in pages", async () => {
  const s2 = server.s2();
  const prefix = fresh("b");
  const names = ["0", "1", "2", "3"].map((end) => `${prefix}-${end}`);
  for (const basin of names) await s2.basins.create({ basin });
  const first = await s2.basins.list({ prefix, limit: 3 });
  assert.deepEqual([first.basins.map((one) => one.name), first.hasMore], [names.slice(0, 3), true]);
  const second = await s2.basins.list({ prefix, startAfter: names[2] });
  assert.deepEqual([second.basins.map((one) => one.name), second.hasMore], [names.slice(3), false]);
  const all = [];
  for await (const one of s2.basins.listAll({ prefix, limit: 1 })) all.push(one.name);
  assert.deepEqual(all, names);
  for (const limit of [0, 5_000]) assert.equal((await s2.basins.list({ prefix, limit })).basins.length, 4);
  assert.deepEqual((await s2.basins.list({ prefix: fresh("none") })).basins, []);
});

for (const [what, config] of Object.entries(STREAM_CONFIGS)) {
  test(`a stream is configured: ${what}`, async () => {
    const s2 = server.s2();
    const { basin, name } = await newStream(s2);
    const { streams } = s2.basin(basin);
    await streams.create({ stream: "created", config });
    includes(await streams.getConfig({ stream: "created" }), config);
    includes(await streams.reconfigure({ stream: name, ...config }), config);
    includes(await streams.getConfig({ stream: name }), config);
    assert.equal((await streams.ensure({ stream: "created", config })).result, "noop");
    assert.equal((await streams.ensure({ stream: "ensured", config })).result, "created");
  });
}

test("a stream is reconfigured in part, and null brings the default back", async () => {
  const s2 = server.s2();
  const { basin, name } = await newStream(s2, FULL);
  const { streams } = s2.basin(basin);
  includes(await streams.reconfigure({ stream: name }), FULL);
  includes(await streams.reconfigure({ stream: name, storageClass: "express" }), { ...FULL, storageClass: "express" });
  const config = await streams.reconfigure({ stream: name, deleteOnEmpty: null, retentionPolicy: null });
  assert.ok(!config.deleteOnEmpty?.minAgeSecs);
  assert.deepEqual(config.retentionPolicy, { ageSecs: 7 * DAY });
});

test("streams are listed in pages", async () => {
  const s2 = server.s2();
  const { basin } = await newStream(s2);
  const { streams } = s2.basin(basin);
  const names = ["a/1", "a/2", "a/3"];
  for (const stream of names) await streams.create({ stream });
  const first = await streams.list({ prefix: "a/", limit: 2 });
  assert.deepEqual([first.streams.map((one) => one.name), first.hasMore], [names.slice(0, 2), true]);
  const rest = await streams.list({ prefix: "a/", startAfter: "a/2" });
  assert.deepEqual(rest.streams.map((one) => one.name), ["a/3"]);
  assert.ok(rest.streams[0].createdAt instanceof Date);
  const all = [];
  for await (const one of streams.listAll({ prefix: "a/", limit: 1 })) all.push(one.name);
  assert.deepEqual(all, names);
  for (const limit of [0, 5_000]) assert.equal((await streams.list({ limit })).streams.length, 4);
});

test("names of streams", async () => {
  const s2 = server.s2();
  const { basin } = await newStream(s2);
  const { streams } = s2.basin(basin);
  for (const stream of ["日本語/😀 ?&#%", "x".repeat(512)]) {
    await streams.create({ stream });
    await s2.basin(basin).stream(stream).append(batch(["x"]));
    assert.equal((await s2.basin(basin).stream(stream).checkTail()).tail.seqNum, 1);
  }
  for (const stream of ["", "x".repeat(513)]) {
    await assert.rejects((async () => streams.create({ stream }))(), S2Error);
  }
  await refused(409, "resource_already_exists", streams.create({ stream: "x".repeat(512) }));
});

test("a stream is deleted", async () => {
  const s2 = server.s2();
  const { basin, name, open } = await newStream(s2);
  const { streams } = s2.basin(basin);
  await streams.delete({ stream: name });
  await refused(409, "stream_deletion_pending", streams.create({ stream: name }));
  await assert.rejects(open().append(batch(["late"])), (error) => [404, 409].includes(error.status));
  await refused(404, "stream_not_found", streams.delete({ stream: "missing" }));
  await refused(404, "stream_not_found", streams.getConfig({ stream: "missing" }));
  await refused(404, "stream_not_found", streams.reconfigure({ stream: "missing", storageClass: "express" }));
});

test("streams are made by their first use", async () => {
  const s2 = server.s2();
  const basin = fresh("basin");
  const defaultStreamConfig = { retentionPolicy: { ageSecs: 600 } };
  await s2.basins.create({ basin, config: { createStreamOnAppend: true, createStreamOnRead: true, defaultStreamConfig } });
  await s2.basin(basin).stream("appended").append(batch(["x"]));
  await refused(416, undefined, s2.basin(basin).stream("read").read({ start: { from: { seqNum: 0 } } }));
  for (const stream of ["appended", "read"]) {
    includes(await s2.basin(basin).streams.getConfig({ stream }), defaultStreamConfig);
  }
});

test("locations", async () => {
  const s2 = server.s2();
  const location = await s2.locations.getDefault();
  assert.ok((await s2.locations.list()).some((one) => one.name === location.name));
  assert.equal((await s2.locations.setDefault({ location: location.name })).name, location.name);
  assert.equal((await s2.basins.create({ basin: fresh("basin"), location: location.name })).location, location.name);
});

test("metrics are not implemented", async () => {
  const { metrics } = server.s2();
  await refused(501, "not_implemented", metrics.account({ set: "active-basins", start: 0, end: 60 }));
  await refused(501, "not_implemented", metrics.basin({ basin: "some-basin", set: "storage", start: 0, end: 60 }));
});

test("several clients, and each of them several times", async () => {
  const clients = [server.s2(), server.s2("other"), client(server.url, "third")];
  const { basin, name } = await newStream(clients[0]);
  for (const s2 of clients) {
    for (let n = 0; n < 3; n++) await s2.basin(basin).stream(name).append(batch(["x"]));
  }
  assert.equal((await clients[2].basin(basin).stream(name).checkTail()).tail.seqNum, 9);
});
