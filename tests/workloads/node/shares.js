// Three functions that do 60, 30 and 10 parts of the same work. With a second argument of `workers`, two worker threads do too.
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

function loop() {
  while (Date.now() < stop) {
    for (let i = 0; i < 10; i++) {
      hot(20000);
      warm(20000);
      cool(20000);
    }
  }
}
if (isMainThread && process.argv[3] === 'workers') {
  for (let i = 0; i < 2; i++) new Worker(__filename, { name: 'worker-' + i, argv: process.argv.slice(2) });
}
console.log('ready');
loop();
