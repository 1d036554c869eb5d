// Worker threads that start, work for some milliseconds and end, four at a time: prints `ready`, then how many have ended.
'use strict';
const { Worker, isMainThread, workerData } = require('worker_threads');

function toil(n) {
  let s = 0;
  for (let i = 0; i < n; i++) s += Math.sqrt(i ^ s);
  return s;
}
function work() {
  const until = Date.now() + 20;
  while (Date.now() < until) toil(20000);
}
if (!isMainThread) {
  work(workerData);
} else {
  let ended = 0;
  const start = () => new Worker(__filename, { workerData: ended }).on('exit', () => {
    console.log('ended', ++ended);
    start();
  });
  for (let i = 0; i < 4; i++) start();
  console.log('ready');
}
