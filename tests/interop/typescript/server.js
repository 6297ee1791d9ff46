// What the programs share: `fencepost serve` as a process, clients of it, and the names and errors they look for.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

import { AppendInput, AppendRecord, S2, S2Error } from "@s2-dev/streamstore";

const FENCEPOST = process.env.FENCEPOST ?? fileURLToPath(new URL("../../../.venv/bin/fencepost", import.meta.url));
const START_MS = 60_000;

export const ROOT_TOKEN = "the-root-token";
export const TRANSPORTS = ["fetch", "s2s"];

// Start a server for the tests of a file, and stop it after them. It must end well, without a traceback in its log.
export async function serve(...options) {
  const arguments_ = ["serve", "--port", "0", "--memory", ...options];
  const child = spawn(FENCEPOST, arguments_, { env: { ...process.env, ROOT_TOKEN } });
  let log = "";
  child.stderr.on("data", (data) => (log += data));
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`the server did not start:\n${log}`)));
    setTimeout(() => reject(new Error(`the server said nothing:\n${log}`)), START_MS).unref();
  });
  after(async () => {
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    assert.equal(await exited, 0);
    assert.doesNotMatch(log, /Traceback/);
  });
  const url = line.split(" ").at(-1);
  return { url, s2: (accessToken = "any", more = {}) => client(url, accessToken, more) };
}

// A client as the SDK's documentation has it for local use: one address, and the basin in a header.
export function client(url, accessToken, more = {}) {
  return new S2({ accessToken, endpoints: { account: url, basin: url }, ...more });
}

export const fresh = (kind) => `${kind}-${randomUUID().slice(0, 18)}`;

export async function newStream(s2, config = undefined, basinConfig = undefined) {
  const basin = fresh("basin");
  const stream = fresh("stream");
  await s2.basins.create({ basin, config: basinConfig });
  await s2.basin(basin).streams.create({ stream, config });
  return { basin, name: stream, open: (options) => s2.basin(basin).stream(stream, options) };
}

export const text = (...bodies) => bodies.map((body) => AppendRecord.string({ body }));
export const batch = (bodies, options) => AppendInput.create(text(...bodies), options);
export const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

// Expect the server to refuse with this status, and this code if it is given.
export async function refused(status, code, request) {
  await assert.rejects(request, (error) => {
    assert.ok(error instanceof S2Error, `${error}`);
    assert.equal(error.status, status, error.message);
    if (code) assert.equal(error.code, code);
    return true;
  });
}

// The records of a session until it ends, or until there are so many.
export async function take(session, count = Infinity) {
  const records = [];
  if (count === 0) return records;
  for await (const record of session) {
    records.push(record);
    if (records.length >= count) break;
  }
  return records;
}
