// A worker as Node's own fetch, eventsource-parser and ajv see it.
//
// usage: node client.mjs URI SCHEMAS CASE     CASE is a key of `cases` below. Exit 0 when all of it held.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import { EventSourceParserStream } from "eventsource-parser/stream";

const [uri, schemas, wanted] = process.argv.slice(2);
const kSse = "text/event-stream";
const kNdjson = "application/x-ndjson";
const kTimes = ["started_at", "queue_ms", "prefill_ms", "ttft_ms", "decode_time_ms", "tokens_per_sec"];

const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true, discriminator: true });
for (const file of fs.readdirSync(schemas)) {
  ajv.addSchema(JSON.parse(fs.readFileSync(path.join(schemas, file), "utf8")));
}

function check(schema, value) {
  const validate = ajv.getSchema(schema);
  assert.ok(validate, `there is no ${schema}`);
  assert.ok(validate(value), `${schema}: ${JSON.stringify(value)}: ${ajv.errorsText(validate.errors)}`);
  return value;
}

function post(route, body, headers = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(uri + route, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: text });
}

async function opened(body, accept) {
  const response = await post("/execute", body, { Accept: accept });
  assert.equal(response.status, 200, await (response.ok ? "" : response.text()));
  assert.equal(response.headers.get("content-type").split(";")[0], accept);
  return response;
}

/// Server-sent events by eventsource-parser, which refuses what is none.
async function sseEvents(body) {
  const response = await opened(body, kSse);
  const parser = new EventSourceParserStream({ onError: "terminate" });
  const events = [];
  for await (const event of response.body.pipeThrough(new TextDecoderStream("utf-8", { fatal: true })).pipeThrough(parser)) {
    const data = JSON.parse(event.data);
    assert.equal(event.event, data.type);
    assert.equal(event.id, undefined);
    events.push(data);
  }
  return events;
}

async function ndjsonEvents(body) {
  const response = await opened(body, kNdjson);
  const text = new TextDecoder("utf-8", { fatal: true }).decode(await response.arrayBuffer());
  assert.ok(text.endsWith("\n"));
  return text.slice(0, -1).split("\n").map((line) => JSON.parse(line));
}

/// What must be equal in two answers to one request.
function timeless(event) {
  return Object.fromEntries(Object.entries(event).filter(([name]) => !kTimes.includes(name)));
}

/// started, token*, metrics*, then one end; indices that rise.
function checkOrder(events) {
  const types = events.map((event) => event.type).join(" ");
  assert.match(types, /^started( token)*( metrics)* end$/);
  let last = -1;
  for (const event of events.filter((e) => e.type === "token")) {
    assert.ok(event.i > last, types);
    last = event.i;
  }
  const [started, end] = [events[0], events.at(-1)];
  assert.ok(end.tokens_out > last);
  assert.equal(end.prompt_tokens, started.prompt_tokens);
}

/// One request in the three framings: the same objects.
async function checkFramings(body) {
  const sse = await sseEvents(body);
  const ndjson = await ndjsonEvents(body);
  for (const event of [...sse, ...ndjson]) {
    check("event.json", event);
  }
  checkOrder(sse);
  assert.deepEqual(ndjson.map(timeless), sse.map(timeless));
  const response = await post("/execute", { ...body, stream: false });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type").split(";")[0], "application/json");
  const single = check("answer.json", await response.json());
  const { type: _started, ...started } = sse[0];
  const { type: _end, ...end } = sse.at(-1);
  const text = sse.filter((event) => event.type === "token").map((event) => event.t).join("");
  assert.deepEqual(timeless(single), timeless({ ...started, ...end, text }));
  return { text, started, end };
}

async function streams() {
  const topics = ["silent rivers", "GPU computing", "der Mond über Köln", "月と海 🌙", "a \"quoted\" \\ line\nbreak\u2028"];
  for (const [i, topic] of topics.entries()) {
    const messages = [{ role: "user", content: `Write a haiku about ${topic}` }];
    await checkFramings({ job_id: `chat-${i}`, temperature: 0, seed: i, messages });
    await checkFramings({ job_id: `prompt-${i}`, seed: i, temperature: 1.5, max_tokens: 60, prompt: `${topic} ` });
  }
}

async function endings() {
  const greedy = { job_id: "ending", temperature: 0, seed: 1, prompt: "<|user|>moon<|end|><|assistant|>", parse_special: true };
  const whole = await checkFramings(greedy);
  assert.equal(whole.end.stop_reason, "EOS");
  const word = whole.text.trim().split(/\s+/)[1];
  const stopped = await checkFramings({ ...greedy, stop: ["no such text", word] });
  assert.equal(stopped.end.stop_reason, "STOP_SEQUENCE");
  assert.equal(stopped.end.stop_sequence_matched, word);
  assert.equal(stopped.text, whole.text.slice(0, whole.text.indexOf(word)));
  const short = await checkFramings({ ...greedy, max_tokens: 2 });
  assert.equal(short.end.stop_reason, "MAX_TOKENS");
  assert.equal(short.end.tokens_out, 2);
  const full = await checkFramings({
    job_id: "full", seed: 7, prompt: "<|end|>".repeat(16) + "moon", parse_special: true, frequency_penalty: 2,
  });
  assert.equal(full.end.stop_reason, "CONTEXT");
}

async function seeds() {
  const largest = "18446744073709551615"; // no double holds it: read as text
  const response = await post("/execute", `{"job_id":"seed","prompt":"moon","max_tokens":3,"seed":${largest}}`);
  assert.ok((await response.text()).includes(`"seed":${largest},`));
  const drawn = new Set();
  for (let i = 0; i < 3; ++i) {
    const events = await sseEvents({ job_id: "drawn", prompt: "moon", max_tokens: 1 });
    drawn.add(check("event.json", events[0]).seed);
  }
  assert.ok(drawn.size > 1, "seeds are drawn");
}

async function faults() {
  const bad = { prompt: "", top_p: 7, top_k: -1, temperature: "hot", stop: [""], streem: true };
  const response = await post("/execute", bad);
  assert.equal(response.status, 400);
  const { errors } = check("faults.json", await response.json());
  const fields = errors.map((error) => error.field).sort();
  assert.deepEqual(fields, ["job_id", "prompt", "stop[0]", "streem", "temperature", "top_k", "top_p"]);
  const top_p = errors.find((error) => error.field === "top_p");
  assert.deepEqual(top_p, { field: "top_p", constraint: "range(0,1)", message: "must be between 0 and 1", value: "7" });
  for (const body of ["", "{", "[]", '"text"', '{"job_id":"\\ud800"}']) {
    const refused = await post("/execute", body);
    assert.equal(refused.status, 400, body);
    check("faults.json", await refused.json());
  }
}

async function others() {
  const health = await fetch(uri + "/health");
  assert.equal(health.status, 200);
  assert.equal(check("health.json", await health.json()).status, "healthy");
  const missing = await fetch(uri + "/nothing");
  assert.equal(missing.status, 404);
  check("error.json", await missing.json());
  const unknown = await post("/cancel", { job_id: "never seen" });
  assert.equal(unknown.status, 202);
  assert.deepEqual(check("cancel.json", await unknown.json()), { job_id: "never seen", status: "unknown" });
  const mistaken = await post("/cancel", { job: "j1" });
  assert.equal(mistaken.status, 400);
  check("faults.json", await mistaken.json());
}

/// A stream that is cancelled after its first token; the whole of its events still is as the contract says.
async function cancel() {
  const body = { job_id: "cancelled", seed: 7, prompt: "<|end|>".repeat(16) + "moon", parse_special: true, frequency_penalty: 2 };
  for (let attempt = 0; attempt < 20; ++attempt) {
    const response = await opened(body, kSse);
    const parser = new EventSourceParserStream({ onError: "terminate" });
    const events = [];
    for await (const event of response.body.pipeThrough(new TextDecoderStream()).pipeThrough(parser)) {
      events.push(check("event.json", JSON.parse(event.data)));
      if (events.length === 2) {
        assert.equal((await post("/cancel", { job_id: "cancelled" })).status, 202);
      }
    }
    if (events.at(-1).type === "error") {
      assert.equal(events.at(-1).code, "CANCELLED");
      assert.equal(events.at(-1).retriable, false);
      assert.equal(events[0].type, "started");
      return;
    }
  }
  assert.fail("each of 20 answers ended before its cancel came");
}

/// Streams on the connections that fetch keeps open, side by side: each as it is alone.
async function sideBySide() {
  const body = { seed: 3, temperature: 1, prompt: "The moon", max_tokens: 40 };
  const alone = (await sseEvents({ ...body, job_id: "alone" })).slice(1, -2).map(timeless);
  const all = await Promise.all(Array.from({ length: 24 }, (_, i) => sseEvents({ ...body, job_id: `many-${i}` })));
  for (const events of all) {
    checkOrder(events);
    assert.deepEqual(events.slice(1, -2).map(timeless), alone);
  }
}

/// The schemas are no nets with holes: a field more or less in real answers is refused.
async function strictness() {
  const events = await sseEvents({ job_id: "strict", prompt: "moon", max_tokens: 3, seed: 1 });
  const single = await post("/execute", { job_id: "strict", prompt: "moon", max_tokens: 3, stream: false });
  const refused = await post("/execute", { job_id: "strict" });
  const health = await fetch(uri + "/health");
  const samples = [
    ...events.map((event) => ["event.json", event]),
    ["event.json", { type: "error", code: "CANCELLED", message: "cancelled", retriable: false }],
    ["answer.json", await single.json()],
    ["health.json", await health.json()],
    ["faults.json", await refused.json()],
  ];
  for (const [schema, sample] of samples) {
    const validate = ajv.getSchema(schema);
    check(schema, sample);
    assert.ok(!validate({ ...sample, extra: 1 }), `${schema} takes a field more`);
    for (const name of Object.keys(sample)) {
      const { [name]: _, ...less } = sample;
      assert.ok(!validate(less), `${schema} takes an object without ${name}`);
      assert.ok(!validate({ ...sample, [name]: null }), `${schema} takes ${name}: null`);
    }
  }
}

/// [schema, value] from standard input.
async function validate() {
  const [schema, value] = JSON.parse(fs.readFileSync(0, "utf8"));
  check(schema, value);
}

const cases = { streams, endings, seeds, faults, others, cancel, sideBySide, strictness, validate };
assert.ok(wanted in cases, `unknown case ${wanted}`);
await cases[wanted]();
