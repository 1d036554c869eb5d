// Reads the data layer (flamegraph/svg/data.cpp writes it). Names reach the page only through textContent.
const SVG = 'http://www.w3.org/2000/svg', HTML = 'http://www.w3.org/1999/xhtml', DATA = 'urn:sampan:profile';
const root = document.currentScript.closest('svg');
const standalone = root === document.documentElement;
const profile = root.getElementsByTagNameNS(DATA, 'profile')[0];

const attr = (name) => profile.getAttribute(name) || '';
const part = (name) => profile.getElementsByTagNameNS(DATA, name)[0].textContent;
const lines = (name) => part(name).split('\n').filter((line) => line !== '');
const isDiff = attr('diff') === '1';
let differs = isDiff;                   // what is shown: two profiles, or two windows of one
const unit = attr('unit') || 'samples';

const languages = new Map(lines('kinds').map((line) => [line[0], line.slice(1)]));
const labels = [], kinds = [];          // by name id: the text, the kind's code
const functionOf = [], functions = [];  // by name id: its function; by function: {label, kind, name: a name id}
readNames();
const endings = new Map();              // by name id: what compilers appended to its symbols, `.cold, .isra.0`
for (const element of profile.getElementsByTagNameNS(DATA, 'endings')) {
  for (const line of element.textContent.split('\n')) endings.set(parseInt(line, 10), line.replace(/^\d+ /, ''));
}
const judged = profile.getElementsByTagNameNS(DATA, 'changed')[0];   // a diff's functions that differ by more than chance
const changed = judged ? new Set(judged.textContent.split('\n').map((name) => functionOf[Number(name)])) : null;
const base = readTree();

function readNames() {
  const ids = new Map();
  for (const line of part('names').split('\n')) {
    const label = line.slice(1), kind = line[0];
    const name = isGroup(kind) ? label : label.replace(/:\d+\)$/, ')');
    const key = kind + name;
    let id = ids.get(key);
    if (id === undefined) {
      ids.set(key, id = functions.length);
      functions.push({label: name, kind, name: labels.length});
    }
    functionOf.push(id);
    labels.push(label);
    kinds.push(kind);
  }
}

// Of a diff that was judged: whether a function's change is no more than chance.
function byChance(id) { return changed !== null && !changed.has(id); }

function isGroup(kind) { return /^[omdbpt]$/.test(kind); }

// Reads LEB128 numbers out of base64; 0 past its end.
function numbers(text) {
  const bytes = atob(text);
  let at = 0;
  return () => {
    let value = 0, scale = 1;
    while (at < bytes.length) {
      const byte = bytes.charCodeAt(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    return value;
  };
}

// The profile's own tree in pre-order.
function readTree() {
  const number = numbers(part('tree')), n = Number(attr('frames'));
  const name = new Int32Array(n), parent = new Int32Array(n), self = new Float64Array(n), before = new Float64Array(n);
  let last = 0;
  for (let i = 0; i < n; ++i) {
    const head = number();
    let up = last;
    for (let levels = head >> 1; levels > 0; --levels) up = parent[up];
    parent[i] = up;
    name[i] = number();
    if (head & 1) {
      self[i] = number();
      if (isDiff) before[i] = number();
    }
    last = i;
  }
  return {n, name, parent, self, before};
}

// 1234567 as 1,234,567: toLocaleString() would take most of the time of a drawing.
function grouped(number) { return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ','); }

function amount(weight) {
  if (unit === 'nanoseconds') {
    return weight >= 1e9 ? (weight / 1e9).toFixed(2) + ' s' : weight >= 1e6 ? (weight / 1e6).toFixed(2) + ' ms'
      : (weight / 1e3).toFixed(2) + ' \u00b5s';
  }
  return grouped(weight) + ' ' + (weight === 1 && unit === 'samples' ? 'sample' : unit);
}

function percent(share, whole) {
  if (!whole) return '0 %';
  const value = 100 * share / whole;
  return (value > 0 && value < 0.1 ? Number(value.toPrecision(2)) : value.toFixed(1)) + ' %';
}
