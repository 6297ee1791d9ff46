// A stream as applications keep answers in it that are still being generated: whoever sets the fence first generates,
// any number of readers follow or replay, and a trim at the end gives the space back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { AppendInput, AppendRecord, FencingTokenMismatchError, SeqNumMismatchError } from "@s2-dev/streamstore";

import { batch, newStream, range, serve, take, TRANSPORTS } from "./server.js";

const server = await serve();
const END = "end";

// Claim an unused stream, and return whether that worked.
async function claim(stream, token) {
  try {
    await stream.append(AppendInput.create([AppendRecord.fence(token)], { fencingToken: "", matchSeqNum: 0 }));
    return true;
  } catch (error) {
    if (error instanceof FencingTokenMismatchError || error instanceof SeqNumMismatchError) return false;
    throw error;
  }
}

// Generate so many chunks, end, and clear the fence.
async function generate(stream, token, chunks) {
  const session = await stream.appendSession();
  for (const chunk of chunks) await session.submit(batch([chunk], { fencingToken: token }));
  await session.submit(batch([END], { fencingToken: token }));
  await session.submit(AppendInput.create([AppendRecord.fence("")], { fencingToken: token }));
  await session.close();
}

// What a reader shows, from a record on, until the end.
async function replay(stream, from = 0) {
  const shown = [];
  const session = await stream.readSession({ start: { from: { seqNum: from } }, ignoreCommandRecords: true });
  for await (const record of session) {
    if (record.body === END) break;
    shown.push(record.body);
  }
  return shown;
}

for (const forceTransport of TRANSPORTS) {
  const chunks = range(0, 50).map((n) => `chunk ${n}`);
  const make = async () => (await newStream(server.s2())).open({ forceTransport });
  const within = (what, program) => test(`${what} (${forceTransport})`, { timeout: 60_000 }, program);

  within("of concurrent creators one generates, and all see the same", async () => {
    const stream = await make();
    const shown = await Promise.all(
      range(0, 6).map(async (n) => {
        if (await claim(stream, `creator-${n}`)) await generate(stream, `creator-${n}`, chunks);
        return replay(stream);
      }),
    );
    for (const one of shown) assert.deepEqual(one, chunks);
  });

  within("readers follow while it is generated, and after a reconnect go on where they were", async () => {
    const stream = await make();
    assert.ok(await claim(stream, "writer"));
    const readers = range(0, 4).map(() => replay(stream));
    const cut = (async () => {
      const session = await stream.readSession({ start: { from: { seqNum: 0 } } });
      const first = await take(session, 10);
      return [...first.slice(1).map((one) => one.body), ...(await replay(stream, first.at(-1).seqNum + 1))];
    })();
    await generate(stream, "writer", chunks);
    for (const reader of [...readers, cut]) assert.deepEqual(await reader, chunks);
    assert.deepEqual(await replay(stream, 11), chunks.slice(10));
  });

  within("a claimed stream cannot be claimed, and its fence can be taken over", async () => {
    const stream = await make();
    assert.ok(await claim(stream, "first"));
    assert.ok(!(await claim(stream, "second")));
    await stream.append(batch(["half"], { fencingToken: "first" }));
    await stream.append(AppendInput.create([AppendRecord.fence("second")], { fencingToken: "first" }));
    await assert.rejects(stream.append(batch(["late"], { fencingToken: "first" })), FencingTokenMismatchError);
    await generate(stream, "second", ["whole"]);
    assert.deepEqual(await replay(stream), ["half", "whole"]);
  });

  within("a trim at the end cleans up", async () => {
    const stream = await make();
    assert.ok(await claim(stream, "writer"));
    await generate(stream, "writer", chunks);
    const { tail } = await stream.checkTail();
    await stream.append(AppendInput.create([AppendRecord.trim(tail.seqNum)], { matchSeqNum: tail.seqNum }));
    const read = await stream.read({ start: { from: { seqNum: tail.seqNum } } }, { as: "bytes" });
    assert.deepEqual(read.records.map((one) => one.seqNum), [tail.seqNum]);
  });
}
