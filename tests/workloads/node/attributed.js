// Known shares beside V8's own profiler, which runs inside: attributed.js SECONDS PROFILE. `walk` leaves its half of the work to
// `pop`, which V8 inlines into it, and does as much in `other`.
'use strict';
const fs = require('fs');
const inspector = require('inspector');
const [seconds, file] = process.argv.slice(2);

function pop(n) {
  let s = 0;
  for (let i = 0; i < n; i++) s = (s * 31 + i) | 0;
  return s;
}
function walk(n) {
  let t = 0;
  for (let j = 0; j < 50; j++) t += pop(n);
  return t;
}
function other(n) {
  let s = 0;
  for (let i = 0; i < n * 50; i++) s = (s * 33 + i) | 0;
  return s;
}
function work(milliseconds) {
  let x = 0;
  for (const until = Date.now() + milliseconds; Date.now() < until;) x += walk(1000) + other(1000);
  return x;
}

async function main() {
  work(1000);
  const session = new inspector.Session();
  session.connect();
  const post = (method, params) => new Promise((resolve, reject) => session.post(method, params, (e, r) => (e ? reject(e) : resolve(r))));
  await post('Profiler.enable');
  await post('Profiler.setSamplingInterval', { interval: 1000 });
  await post('Profiler.start');
  console.log('profiling');
  work(1000 * seconds);
  const { profile } = await post('Profiler.stop');
  fs.writeFileSync(file, JSON.stringify(profile));
  console.log('written');
  process.exit(0);
}
main();
