// JavaScript -> WebAssembly -> JavaScript: drive, a function without a name, outer, middle, and then spin (a loop) or back (JavaScript).
'use strict';
const number = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...number(n >>> 7)]);
const text = (s) => [...number(s.length), ...Buffer.from(s)];
const sized = (bytes) => [...number(bytes.length), ...bytes];
const call = (f) => [0, 32, 0, 16, f, 11];
const spin = [1, 1, 127, 3, 64, 32, 1, 32, 0, 106, 33, 1, 32, 0, 65, 1, 107, 34, 0, 13, 0, 11, 32, 1, 11];   // n + (n - 1) + … 1
const middle = [0, 32, 0, 16, 1, 32, 0, 16, 0, 106, 11];                                                    // spin(n) + back(n)
const names = [3, 1, ...text('spin'), 2, ...text('middle'), 3, ...text('outer')];
const compiled = new WebAssembly.Module(Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0,
  1, ...sized([1, 96, 1, 127, 1, 127]),                        // one type: (i32) -> i32
  2, ...sized([1, ...text('js'), ...text('back'), 0, 0]),      // function 0
  3, ...sized([4, 0, 0, 0, 0]),
  7, ...sized([1, ...text('run'), 0, 4]),
  10, ...sized([4, ...sized(spin), ...sized(middle), ...sized(call(2)), ...sized(call(3))]),
  0, ...sized([...text('name'), 1, ...sized(names)]),
]));
function back(n) {
  let s = 0;
  for (let i = 0; i < n / 4; i++) s += i % 7;
  return s;
}
const { run } = new WebAssembly.Instance(compiled, { js: { back } }).exports;
(function drive() {
  for (let i = 0; i < 50; i++) run(20000);
  setImmediate(drive);
})();
console.log('ready');
