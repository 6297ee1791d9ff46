// Unary appends and reads, their conditions and errors, and command records.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  AppendInput,
  AppendRecord,
  FencingTokenMismatchError,
  RangeNotSatisfiableError,
  SeqNumMismatchError,
} from "@s2-dev/streamstore";

import { batch, newStream, range, refused, serve, text } from "./server.js";

const server = await serve();
const START = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
const bytes = (body, headers) => AppendRecord.bytes({ body: new Uint8Array(body), headers });

async function stream(config) {
  return (await newStream(server.s2(), config)).open();
}

// Ten records, metered 16 bytes each, one per millisecond from START.
async function ten() {
  const one = await stream();
  const records = range(0, 10).map((n) => AppendRecord.string({ body: `${n}`.padStart(8, "0"), timestamp: START + n }));
  await one.append(AppendInput.create(records));
  return one;
}

const seqNums = async (one, input) => (await one.read(input)).records.map((record) => record.seqNum);

test("the tail", async () => {
  const one = await stream();
  assert.equal((await one.checkTail()).tail.seqNum, 0);
  const ack = await one.append(batch(["a", "b"]));
  assert.deepEqual([ack.start.seqNum, ack.end.seqNum, ack.tail.seqNum], [0, 2, 2]);
  assert.deepEqual((await one.checkTail()).tail, ack.tail);
  assert.ok(ack.tail.timestamp instanceof Date);
});

test("strings and bytes, headers and empty bodies", async () => {
  const one = await stream();
  await one.append(
    AppendInput.create([
      AppendRecord.string({ body: "né", headers: [["k", "v"], ["k", ""]] }),
      AppendRecord.string({ body: "" }),
      bytes([0, 255, 128], [[new Uint8Array([255]), new Uint8Array([0, 1])]]),
      bytes([]),
    ]),
  );
  const [a, b] = (await one.read({ start: { from: { seqNum: 0 } } })).records;
  assert.deepEqual([a.body, a.headers, b.body], ["né", [["k", "v"], ["k", ""]], ""]);
  const raw = (await one.read({ start: { from: { seqNum: 2 } } }, { as: "bytes" })).records;
  assert.deepEqual([...raw[0].body], [0, 255, 128]);
  assert.deepEqual(raw[0].headers.map((pair) => pair.map((part) => [...part])), [[[255], [0, 1]]]);
  assert.equal(raw[1].body.length, 0);
});

for (const kind of ["string", "bytes"]) {
  const record = () => (kind === "string" ? AppendRecord.string({ body: "x" }) : bytes([1]));

  test(`conditions (${kind})`, async () => {
    const one = await stream();
    await one.append(AppendInput.create([record()], { matchSeqNum: 0 }));
    await assert.rejects(one.append(AppendInput.create([record()], { matchSeqNum: 0 })), (error) => {
      assert.ok(error instanceof SeqNumMismatchError);
      return error.expectedSeqNum === 1 && error.status === 412;
    });
    await one.append(AppendInput.create([AppendRecord.fence("mine")]));
    await one.append(AppendInput.create([record()], { fencingToken: "mine", matchSeqNum: 2 }));
    await assert.rejects(one.append(AppendInput.create([record()], { fencingToken: "theirs" })), (error) => {
      assert.ok(error instanceof FencingTokenMismatchError);
      return error.expectedFencingToken === "mine" && error.status === 412;
    });
    await one.append(AppendInput.create([AppendRecord.fence("")], { fencingToken: "mine" }));
    await one.append(AppendInput.create([record()], { fencingToken: "" }));
    assert.equal((await one.checkTail()).tail.seqNum, 5);
  });

  test(`the largest batch (${kind})`, async () => {
    const one = await stream();
    assert.equal((await one.append(AppendInput.create(range(0, 1_000).map(record)))).tail.seqNum, 1_000);
  });

  test(`no append to a missing stream (${kind})`, async () => {
    const s2 = server.s2();
    const { basin } = await newStream(s2);
    await refused(404, "stream_not_found", s2.basin(basin).stream("no").append(AppendInput.create([record()])));
  });
}

test("batches that break a limit never leave the client", () => {
  for (const records of [[], text(...Array(1_001).fill("x")), text("x".repeat(1 << 20))]) {
    assert.throws(() => AppendInput.create(records));
  }
});

test("a long fencing token is refused", async () => {
  const one = await stream();
  await assert.rejects((async () => one.append(batch(["x"], { fencingToken: "t".repeat(37) })))(), (error) =>
    [0, 400, 422].includes(error.status ?? 0),
  );
  assert.equal((await one.checkTail()).tail.seqNum, 0);
});

test("malformed commands are refused with their batch", async () => {
  const one = await stream();
  for (const headers of [[["", "unknown"]], [["", "fence"], ["more", ""]]]) {
    const records = [AppendRecord.string({ body: "before" }), AppendRecord.string({ body: "t", headers })];
    await refused(422, "invalid", one.append(AppendInput.create(records)));
  }
  assert.equal((await one.checkTail()).tail.seqNum, 0);
});

test("trim", async () => {
  const one = await ten();
  await one.append(AppendInput.create([AppendRecord.trim(4)]));
  const found = await seqNums(one, { start: { from: { seqNum: 0 } } });
  assert.deepEqual(found.slice(-7), range(4, 11));
  await one.append(AppendInput.create([AppendRecord.trim(1_000_000)]));
  assert.equal((await one.append(batch(["later"]))).start.seqNum, 12);
  assert.deepEqual(await seqNums(one, { start: { from: { seqNum: 12 } } }), [12]);
  const shown = await one.read({ start: { from: { seqNum: 4 } }, ignoreCommandRecords: true }).then((read) => read.records);
  assert.ok(shown.every((record) => record.headers?.[0]?.[0] !== ""));
});

test("timestamps", async () => {
  const one = await stream();
  const at = (timestamp) => AppendInput.create([AppendRecord.string({ body: "x", timestamp })]);
  const past = Date.now() - HOUR_MS;
  assert.equal((await one.append(at(past))).start.timestamp.getTime(), past);
  assert.equal((await one.append(at(new Date(past - HOUR_MS)))).start.timestamp.getTime(), past, "they never go back");
  const future = Date.now() + HOUR_MS;
  assert.ok((await one.append(at(future))).start.timestamp.getTime() < future, "they are capped at the arrival");
  const uncapped = await stream({ timestamping: { uncapped: true } });
  assert.equal((await uncapped.append(at(future))).start.timestamp.getTime(), future);
  const required = await stream({ timestamping: { mode: "client-require" } });
  await refused(422, "invalid", required.append(batch(["x"])));
});

const READS = {
  "from the start": [{ seqNum: 0 }, undefined, range(0, 10)],
  count: [{ seqNum: 2 }, { limits: { count: 3 } }, [2, 3, 4]],
  "count of 0": [{ seqNum: 2 }, { limits: { count: 0 } }, []],
  "count of more than 1000": [{ seqNum: 0 }, { limits: { count: 5_000 } }, range(0, 10)],
  bytes: [{ seqNum: 0 }, { limits: { bytes: 48 } }, [0, 1, 2]],
  "bytes, not quite": [{ seqNum: 0 }, { limits: { bytes: 47 } }, [0, 1]],
  "bytes of 0": [{ seqNum: 0 }, { limits: { bytes: 0 } }, []],
  "the last ones": [{ tailOffset: 3 }, undefined, [7, 8, 9]],
  "more than there are": [{ tailOffset: 99 }, undefined, range(0, 10)],
  "by timestamp": [{ timestamp: START + 6 }, undefined, [6, 7, 8, 9]],
  "by date": [{ timestamp: new Date(START + 8) }, undefined, [8, 9]],
  until: [{ seqNum: 0 }, { untilTimestamp: START + 3 }, [0, 1, 2]],
};

for (const [what, [from, stop, expected]] of Object.entries(READS)) {
  test(`read: ${what}`, async () => assert.deepEqual(await seqNums(await ten(), { start: { from }, stop }), expected));
}

test("a read is bounded", async () => {
  const one = await stream();
  for (const _ of range(0, 2)) await one.append(batch(Array(600).fill("x")));
  const limits = { count: 2_000 };
  assert.deepEqual(await seqNums(one, { start: { from: { seqNum: 0 } }, stop: { limits } }), range(0, 1_000));
  const large = await stream();
  for (const _ of range(0, 4)) await large.append(batch(["x".repeat(300 << 10)]));
  assert.deepEqual(await seqNums(large, { start: { from: { seqNum: 0 } }, stop: { limits: { bytes: 4 << 20 } } }), [0, 1, 2]);
});

for (const from of [{ seqNum: 10 }, { seqNum: 99 }, { tailOffset: 0 }, { timestamp: START + 99 }]) {
  test(`what is not written yet cannot be read: ${JSON.stringify(from)}`, async () => {
    const one = await ten();
    await assert.rejects(one.read({ start: { from } }), (error) => {
      assert.ok(error instanceof RangeNotSatisfiableError);
      assert.equal(error.tail.seqNum, 10);
      return error.status === 416;
    });
  });
}

test("a clamped start, and waiting", async () => {
  const one = await ten();
  await refused(416, undefined, one.read({ start: { from: { seqNum: 99 }, clamp: true } }));
  const began = Date.now();
  assert.deepEqual(await seqNums(one, { start: { from: { seqNum: 99 }, clamp: true }, stop: { waitSecs: 1 } }), []);
  assert.ok(Date.now() - began >= 990);
  const waiting = seqNums(one, { start: { from: { seqNum: 10 } }, stop: { waitSecs: 30 } });
  await one.append(batch(["new"]));
  assert.deepEqual(await waiting, [10]);
});

test("a start that is not before its end", async () => {
  const one = await ten();
  await refused(422, "invalid", one.read({ start: { from: { timestamp: START + 5 } }, stop: { untilTimestamp: START + 5 } }));
});

test("a missing stream is not found", async () => {
  const s2 = server.s2();
  const { basin } = await newStream(s2);
  await refused(404, "stream_not_found", s2.basin(basin).stream("no").read({ start: { from: { seqNum: 0 } } }));
  await refused(404, "stream_not_found", s2.basin(basin).stream("no").checkTail());
});
