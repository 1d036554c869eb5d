// Every kind of frame of JavaScript, with known answers: `//{ name` … `//}` holds a function's lines, `//> name …` says whom
// a line may call (builtins in between, as V8 shows them, do not count). Runs for argv[2] seconds.
'use strict';
const stop = Date.now() + 1000 * Number(process.argv[2] || 3600);
const only = process.argv[3];

function burn(n) { //{ burn
  let s = 0;
  for (let i = 0; i < n; i++) {
    s += Math.sqrt(i) * (s % 7);
  }
  return s;
} //}

function nested(n) { //{ nested
  return middle(n) + //> middle
    1;
} //}
function middle(n) { //{ middle
  let s = 1;
  s += burn(n); //> burn
  return s;
} //}

class Shape { //{ Shape
  constructor(n) {
    this.n = n;
    this.size = burn(n); //> burn
  } //}
  area(n) { //{ area
    return burn(n) * //> burn
      2;
  } //}
  get girth() { //{ get girth
    return this.area(this.n); //> area
  } //}
  static make(n) { //{ make
    return new Square(n); //> Square
  } //}
}
class Square extends Shape { //{ Square
  constructor(n) {
    super(n); //> Shape
    this.square = true;
  } //}
  area(n) { //{ area
    return super.area(n) + 1; //> area
  } //}
}
function classes(n) { //{ classes
  const one = Shape.make(n); //> make
  return one.area(n) + //> area
    one.girth; //> get girth
} //}

const arrow = (n) => //{ arrow
  burn(n); //> burn
//}
function arrows(n) { //{ arrows
  return arrow(n); //> arrow
} //}

function makeAdder(base) { //{ makeAdder
  return function adder(n) { //{ adder
    return base + burn(n); //> burn
  }; //}
} //}
function closures(n) { //{ closures
  const add = makeAdder(n); //> makeAdder
  return add(n); //> adder
} //}

function tiny(n) { //{ tiny
  return n * 3 + 1;
} //}
function small(n) { //{ small
  let s = 0;
  for (let i = 0; i < 40; i++) {
    s += tiny(i + n); //> tiny
  }
  return s;
} //}
function inlined(n) { //{ inlined
  let s = 0;
  for (let i = 0; i < n; i++) {
    s = (s + small(i)) | 0; //> small
  }
  return s;
} //}

const text = JSON.stringify(Array.from({ length: 200 }, (_, i) => ({ id: i, name: 'n' + i, list: [i, i + 1] })));
function parse(n) { //{ parse
  let s = 0;
  for (let i = 0; i < n / 100; i++) {
    s += JSON.parse(text).length;
  }
  return s;
} //}

const words = 'the quick brown fox jumps over the lazy dog '.repeat(200);
function match(n) { //{ match
  let s = 0;
  for (let i = 0; i < n / 500; i++) {
    s += words.match(/(\w+)\s(\w+)\s(q?u?i?c?k?)/g).length;
    s += words.replace(/o(\w)/g, swap).length; //> swap
  }
  return s;
} //}
function swap(all, c) { //{ swap
  return c + all;
} //}

function sorted(n) { //{ sorted
  const list = [];
  for (let i = 0; i < n / 10; i++) list.push((i * 7919) % 1009);
  list.sort(compare); //> compare
  return list[0];
} //}
function compare(a, b) { //{ compare
  return a - b;
} //}

function mapped(n) { //{ mapped
  return [n, n, n].map(each) //> each
    .reduce(sum, 0); //> sum
} //}
function each(n) { //{ each
  return burn(n); //> burn
} //}
function sum(a, b) { //{ sum
  return a + b;
} //}

function recursive(n, depth) { //{ recursive
  if (depth === 0) {
    return burn(n); //> burn
  }
  return recursive(n, depth - 1) + 1; //> recursive
} //}
function recursion(n) { //{ recursion
  return recursive(n, 30); //> recursive
} //}

function* numbers(n) { //{ numbers
  for (let i = 0; i < 5; i++) {
    yield burn(n / 4); //> burn
  }
} //}
function generators(n) { //{ generators
  let s = 0;
  for (const one of numbers(n)) { //> numbers
    s += one;
  }
  return s;
} //}

const made = new Function('burn', 'n', 'return burn(n) + 1;');
const evaluated = eval('(function evaluated(n) { return burn(n) + 2; })');
function dynamic(n) { //{ dynamic
  return made(burn, n) + //> made
    evaluated(n); //> evaluated
} //}

function thrower(n) { //{ thrower
  burn(n); //> burn
  throw new TypeError('expected');
} //}
function throwing(n) { //{ throwing
  try {
    return thrower(n); //> thrower
  } catch (e) {
    return e.message.length;
  }
} //}

function garbage(n) { //{ garbage
  let last = null;
  for (let i = 0; i < n * 5; i++) {
    last = { last: i % 100 ? last : null, i, list: [i] };
  }
  return last.i;
} //}

function Proto() { //{ Proto
} //}
Proto.prototype.compile = function (n) { //{ Proto.compile
  return burn(n); //> burn
}; //}
function inferred(n) { //{ inferred
  return new Proto().compile(n); //> Proto.compile Proto
} //}

function deoptimised(n) { //{ deoptimised
  return shifting(n % 3 ? 1 : 1.5, n) + //> shifting
    shifting(n % 5 ? {} : 2, n); //> shifting
} //}
function shifting(x, n) { //{ shifting
  const y = x + 1;
  return burn(n) + //> burn
    String(y).length;
} //}

// (module (func $wloop (export "loop") (param i32) (result i32) …)): a sum of n, n-1, … 1
const wasm = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 8, 1, 4, 108, 111, 111, 112, 0, 0, 10, 27, 1,
  25, 1, 1, 127, 3, 64, 32, 1, 32, 0, 106, 33, 1, 32, 0, 65, 1, 107, 34, 0, 13, 0, 11, 32, 1, 11, 0, 15, 4, 110, 97, 109,
  101, 1, 8, 1, 0, 5, 119, 108, 111, 111, 112]))).exports;
function wasmed(n) { //{ wasmed
  return wasm.loop(n * 100); //> wasm
} //}

async function later(n) { //{ later
  await null;
  return burn(n); //> burn
} //}
async function asynchronous(n) { //{ asynchronous
  const one = later(n); //> later
  await one;
  return burn(n); //> burn
} //}

const scenarios = { nested, classes, arrows, closures, inlined, parse, match, sorted, mapped, recursion, generators, dynamic, throwing,
  garbage, inferred, deoptimised, wasmed };

function round(n) { //{ round
  for (const name of Object.keys(scenarios)) {
    if (only && only !== name) continue;
    const until = Date.now() + 4;
    do {
      scenarios[name](n); //> nested classes arrows closures inlined parse match sorted mapped recursion generators dynamic throwing garbage inferred deoptimised wasmed
    } while (Date.now() < until);
  }
} //}

async function main() { //{ main
  for (let i = 0; Date.now() < stop; i++) {
    round(3000 + i % 7); //> round
    if (!only || only === 'asynchronous') await asynchronous(3000); //> asynchronous
  }
} //}
main(); //> main
