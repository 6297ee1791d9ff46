// Append and read sessions over both transports: server-sent events and unary requests (fetch), and frames (s2s).

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  AppendInput,
  AppendRecord,
  BatchTransform,
  FencingTokenMismatchError,
  Producer,
  RangeNotSatisfiableError,
  S2Error,
  SeqNumMismatchError,
} from "@s2-dev/streamstore";

import { batch, newStream, range, refused, serve, take, TRANSPORTS } from "./server.js";

const server = await serve();
const FROM_0 = { start: { from: { seqNum: 0 } } };

for (const forceTransport of TRANSPORTS) {
  const make = async (more = {}, config = undefined) => {
    const { open } = await newStream(server.s2("any", more), config);
    return open({ forceTransport });
  };
  const within = (what, program) => test(`${what} (${forceTransport})`, { timeout: 60_000 }, program);
  const bodies = async (stream) => (await stream.read(FROM_0)).records.map((record) => record.body);

  within("appends one after the other", async () => {
    const session = await (await make()).appendSession();
    for (const n of range(0, 5)) {
      const ack = await (await session.submit(batch(["x"], { matchSeqNum: n }))).ack();
      assert.deepEqual([ack.start.seqNum, ack.end.seqNum], [n, n + 1]);
      assert.equal(session.lastAckedPosition().end.seqNum, n + 1);
    }
    await session.close();
  });

  within("pipelined appends keep their order", async () => {
    const stream = await make();
    const session = await stream.appendSession();
    const tickets = await Promise.all(range(0, 100).map((n) => session.submit(batch([`${n}`, `${n}'`]))));
    const acks = await Promise.all(tickets.map((ticket) => ticket.ack()));
    assert.deepEqual(acks.map((ack) => ack.start.seqNum), range(0, 100).map((n) => 2 * n));
    await session.close();
    assert.deepEqual((await bodies(stream)).slice(0, 4), ["0", "0'", "1", "1'"]);
  });

  within("acks come as a stream", async () => {
    const session = await (await make()).appendSession();
    const seen = (async () => {
      const ends = [];
      for await (const ack of session.acks()) ends.push(ack.end.seqNum);
      return ends;
    })();
    for (const n of range(0, 4)) await session.submit(batch(["x"]));
    await session.close();
    assert.deepEqual(await seen, [1, 2, 3, 4]);
  });

  within("writable and readable", async () => {
    const stream = await make();
    const session = await stream.appendSession();
    const writer = session.writable.getWriter();
    for (const n of range(0, 3)) await writer.write(batch([`${n}`]));
    await writer.close();
    assert.deepEqual(await bodies(stream), ["0", "1", "2"]);
  });

  within("closing waits, and then nothing can be submitted", async () => {
    const stream = await make();
    const session = await stream.appendSession({ maxInflightBatches: 3 });
    const tickets = [];
    for (const n of range(0, 20)) tickets.push(await session.submit(batch([`${n}`])));
    await session.close();
    assert.equal((await tickets.at(-1).ack()).end.seqNum, 20);
    await assert.rejects(async () => (await session.submit(batch(["late"]))).ack(), S2Error);
  });

  within("bytes and headers", async () => {
    const stream = await make();
    const session = await stream.appendSession();
    const record = AppendRecord.bytes({ body: new Uint8Array([0, 255]), headers: [[new Uint8Array([254]), new Uint8Array([])]] });
    await (await session.submit(AppendInput.create([record, AppendRecord.string({ body: "né", headers: [["k", "v"]] })]))).ack();
    await session.close();
    const [first] = (await stream.read(FROM_0, { as: "bytes" })).records;
    assert.deepEqual([[...first.body], [...first.headers[0][0]]], [[0, 255], [254]]);
    const reading = await stream.readSession({ ...FROM_0, stop: { limits: { count: 2 } } }, { as: "bytes" });
    const read = await take(reading);
    assert.deepEqual(read.map((one) => [...one.body]), [[0, 255], [110, 195, 169]]);
  });

  within("the first failure ends the session", async () => {
    const stream = await make();
    const session = await stream.appendSession();
    const acked = [];
    const acks = (async () => {
      for await (const ack of session.acks()) acked.push(ack.end.seqNum);
    })();
    const submitted = await Promise.all([
      session.submit(batch(["good"], { matchSeqNum: 0 })),
      session.submit(batch(["bad"], { matchSeqNum: 7 })),
      session.submit(batch(["later"])),
    ]);
    const outcomes = await Promise.allSettled(submitted.map((ticket) => ticket.ack()));
    assert.deepEqual(outcomes.map((one) => one.status), ["fulfilled", "rejected", "rejected"]);
    assert.ok(outcomes[1].reason instanceof SeqNumMismatchError);
    assert.equal(outcomes[1].reason.expectedSeqNum, 1);
    await assert.rejects(acks);
    await session.close().catch(() => {});
    assert.ok(session.failureCause());
    assert.deepEqual(await bodies(stream), ["good"]);
    assert.deepEqual(acked, [1]);
  });

  within("a stale writer is fenced out of its session", async () => {
    const stream = await make();
    await stream.append(AppendInput.create([AppendRecord.fence("first")]));
    const stale = await stream.appendSession();
    for (const n of range(0, 5)) await (await stale.submit(batch([`${n}`], { fencingToken: "first" }))).ack();
    await stream.append(AppendInput.create([AppendRecord.fence("second")], { fencingToken: "first" }));
    await assert.rejects(
      async () => {
        for (const n of range(5, 10)) await (await stale.submit(batch([`${n}`], { fencingToken: "first" }))).ack();
      },
      (error) => error instanceof FencingTokenMismatchError && error.expectedFencingToken === "second",
    );
    await stale.close().catch(() => {});
    await stream.append(batch(["successor"], { fencingToken: "second" }));
    assert.deepEqual((await bodies(stream)).slice(-3), ["4", "second", "successor"]);
  });

  within("no session on a missing stream", async () => {
    const s2 = server.s2();
    const { basin } = await newStream(s2);
    const missing = s2.basin(basin).stream("missing", { forceTransport });
    const session = await missing.appendSession();
    await refused(404, "stream_not_found", async () => (await session.submit(batch(["x"]))).ack());
    await session.close().catch(() => {});
    await refused(404, "stream_not_found", async () => take(await missing.readSession(FROM_0)));
  });

  within("a producer acknowledges each record", async () => {
    const stream = await make();
    const transform = new BatchTransform({ lingerDurationMillis: 2, maxBatchRecords: 7, matchSeqNum: 0 });
    const producer = new Producer(transform, await stream.appendSession());
    const tickets = [];
    for (const n of range(0, 50)) tickets.push(await producer.submit(AppendRecord.string({ body: `${n}` })));
    await producer.flush();
    const acks = await Promise.all(tickets.map((ticket) => ticket.ack()));
    assert.deepEqual(acks.map((ack) => ack.seqNum()), range(0, 50));
    await producer.close();
    assert.deepEqual(await bodies(stream), range(0, 50).map(String));
  });

  within("a record that is too large breaks its producer", async () => {
    const stream = await make();
    const producer = new Producer(new BatchTransform({ lingerDurationMillis: 2 }), await stream.appendSession());
    await assert.rejects(async () => {
      const ticket = await producer.submit(AppendRecord.string({ body: "x".repeat(1 << 20) }));
      await producer.close();
      await ticket.ack();
    }, S2Error);
    assert.equal((await stream.checkTail()).tail.seqNum, 0);
  });

  const LIMITS = {
    count: [{ limits: { count: 1_500 } }, 1_500],
    bytes: [{ limits: { bytes: 9 * 1_200 } }, 1_200],
    "no wait": [{ waitSecs: 0 }, 2_000],
    "a short wait": [{ waitSecs: 1 }, 2_000],
    until: [{ untilTimestamp: Date.now() + 10 ** 9 }, 2_000],
  };
  for (const [what, [stop, expected]] of Object.entries(LIMITS)) {
    within(`a read session ends: ${what}`, async () => {
      const stream = await make();
      for (const _ of range(0, 2)) await stream.append(batch(Array(1_000).fill("x")));
      const session = await stream.readSession({ ...FROM_0, stop });
      assert.deepEqual((await take(session)).map((one) => one.seqNum), range(0, expected));
      assert.equal(session.nextReadPosition().seqNum, expected);
    });
  }

  within("a read session follows", async () => {
    const stream = await make();
    await stream.append(batch(["0", "1"]));
    const session = await stream.readSession(FROM_0);
    const following = take(session, 6);
    for (const n of range(2, 6)) await stream.append(batch([`${n}`]));
    assert.deepEqual((await following).map((one) => [one.seqNum, one.body]), range(0, 6).map((n) => [n, `${n}`]));
  });

  for (const [what, start] of [["the tail", { from: { tailOffset: 0 } }], ["a clamped start", { from: { seqNum: 99 }, clamp: true }]]) {
    within(`a read session follows from ${what}`, async () => {
      const stream = await make();
      await stream.append(batch(["0", "1"]));
      const session = await stream.readSession({ start });
      const iterator = session[Symbol.asyncIterator]();
      const next = iterator.next();
      await session.caughtUp();
      await stream.append(batch(["2"]));
      assert.equal((await next).value.seqNum, 2);
      await iterator.return?.();
    });
  }

  within("a read session waits as long as it is told", async () => {
    const stream = await make();
    const began = Date.now();
    assert.deepEqual(await take(await stream.readSession({ ...FROM_0, stop: { waitSecs: 2 } })), []);
    assert.ok(Date.now() - began >= 1_990);
  });

  within("a read session from beyond the tail", async () => {
    const stream = await make();
    await stream.append(batch(["0"]));
    const reading = async () => take(await stream.readSession({ start: { from: { seqNum: 99 } } }));
    await assert.rejects(reading, (error) => error instanceof RangeNotSatisfiableError && error.status === 416);
  });

  within("caught up comes after the last record", async () => {
    const stream = await make();
    await stream.append(batch(Array(500).fill("x")));
    const session = await stream.readSession(FROM_0);
    const caughtUp = session.caughtUp();
    const iterator = session[Symbol.asyncIterator]();
    for (const n of range(0, 500)) assert.equal((await iterator.next()).value.seqNum, n);
    const next = iterator.next();
    assert.equal((await caughtUp).seqNum, 500);
    assert.ok(session.isCaughtUp());
    await stream.append(batch(["more"]));
    assert.equal((await next).value.seqNum, 500);
    await iterator.return?.();
  });

  within("command records can be left out", async () => {
    const stream = await make();
    await stream.append(AppendInput.create([AppendRecord.fence("t"), AppendRecord.string({ body: "x" }), AppendRecord.trim(0)]));
    const read = await take(await stream.readSession({ ...FROM_0, stop: { waitSecs: 0 }, ignoreCommandRecords: true }));
    assert.deepEqual(read.map((one) => one.seqNum), [1]);
  });

  within("a reader may leave at any time", async () => {
    const stream = await make();
    for (const _ of range(0, 3)) await stream.append(batch(Array(1_000).fill("x")));
    await (await stream.readSession(FROM_0)).cancel();
    const left = await stream.readSession(FROM_0);
    assert.equal((await take(left, 1)).length, 1);
    const aborted = new AbortController();
    const session = await stream.readSession(FROM_0, { signal: aborted.signal });
    assert.equal((await session.getReader().read()).value.seqNum, 0);
    aborted.abort();
    await stream.append(batch(["still there"]));
  });

  within("a producer and followers at once see no gap", async () => {
    const stream = await make();
    const count = 500;
    const followers = range(0, 3).map(async () => take(await stream.readSession(FROM_0), count));
    const producer = new Producer(new BatchTransform({ lingerDurationMillis: 1 }), await stream.appendSession());
    for (const n of range(0, count)) await producer.submit(AppendRecord.string({ body: `${n}` }));
    await producer.close();
    for (const seen of await Promise.all(followers)) {
      assert.deepEqual(seen.map((one) => [one.seqNum, one.body]), range(0, count).map((n) => [n, `${n}`]));
    }
  });

  within("compressed by gzip", async () => {
    const stream = await make({ compression: "gzip" });
    const large = "compressible ".repeat(2_000);
    const session = await stream.appendSession();
    await (await session.submit(batch([large, "small"]))).ack();
    await session.close();
    assert.deepEqual((await take(await stream.readSession({ ...FROM_0, stop: { limits: { count: 2 } } }))).map((one) => one.body), [large, "small"]);
  });

  within("strings and bytes through every interface", async () => {
    const stream = await make();
    const string = AppendRecord.string({ body: "s" });
    const bytes = AppendRecord.bytes({ body: new TextEncoder().encode("b") });
    await stream.append(AppendInput.create([string, bytes]));
    const session = await stream.appendSession();
    await (await session.submit(AppendInput.create([bytes, string]))).ack();
    await session.close();
    assert.deepEqual(await bodies(stream), ["s", "b", "b", "s"]);
    assert.deepEqual((await take(await stream.readSession({ ...FROM_0, stop: { waitSecs: 0 } }))).map((one) => one.body), ["s", "b", "b", "s"]);
  });

  for (const streamCipher of ["aegis-256", "aes-256-gcm"]) {
    within(`encrypted by ${streamCipher}`, async () => {
      const { open, basin } = await newStream(server.s2(), undefined, { streamCipher });
      const encryptionKey = new Uint8Array(32).fill(7);
      const stream = open({ forceTransport, encryptionKey });
      const session = await stream.appendSession();
      await (await session.submit(batch(["secret"]))).ack();
      await session.close();
      await stream.append(batch(["secret too"]));
      assert.deepEqual(await bodies(stream), ["secret", "secret too"]);
      const read = await take(await stream.readSession({ ...FROM_0, stop: { waitSecs: 0 } }));
      assert.deepEqual(read.map((one) => one.body), ["secret", "secret too"]);
      const wrong = open({ forceTransport, encryptionKey: new Uint8Array(32) });
      for (const other of [open({ forceTransport }), wrong]) {
        await assert.rejects(other.read(FROM_0), (error) => error.status >= 400 && error.status < 500);
        await assert.rejects(
          async () => take(await other.readSession({ ...FROM_0, stop: { waitSecs: 0 } })),
          // The fetch transport makes a 503 of every error that comes as an event, and keeps its text.
          (error) => (error.status >= 400 && error.status < 500) || /"decryption_failed"/.test(error.message),
        );
      }
      const [info] = (await server.s2().basin(basin).streams.list()).streams;
      assert.equal(info.cipher, streamCipher);
    });
  }
}
