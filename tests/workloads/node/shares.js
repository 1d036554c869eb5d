// Three functions that share the time 60/30/10, by their own clocks: prints `took A B C` (nanoseconds so far) ten times a second.
// With a second argument of `workers`, two worker threads do the same.
'use strict';
const { Worker, isMainThread } = require('worker_threads');
const stop = Date.now() + 1000 * Number(process.argv[2] || 3600);

function spin(n) {
  let s = 0;
  for (let i = 0; i < n; i++) {
    s = (s * 31 + i) | 0;
  }
  return s;
}
function hot(n) {
  return spin(6 * n) + 1;
}
function warm(n) {
  return spin(3 * n) + 1;
}
function cool(n) {
  return spin(n) + 1;
}

const took = [0n, 0n, 0n];
function timed(which, work) {
  const before = process.hrtime.bigint();
  work(20000);
  took[which] += process.hrtime.bigint() - before;
}
function loop() {
  let said = 0;
  while (Date.now() < stop) {
    for (let i = 0; i < 10; i++) {
      timed(0, hot);
      timed(1, warm);
      timed(2, cool);
    }
    if (isMainThread && Date.now() - said > 100) {
      said = Date.now();
      require('fs').writeSync(1, 'took ' + took.join(' ') + '\n');
    }
  }
}
if (isMainThread && process.argv[3] === 'workers') {
  for (let i = 0; i < 2; i++) new Worker(__filename, { name: 'worker-' + i, argv: process.argv.slice(2) });
}
console.log('ready');
loop();
